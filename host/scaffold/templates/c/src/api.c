#include "api.h"

#include <string.h>

#include "http.h"
#include "json.h"
#include "text.h"

#define AUTHORITY "api.{{name}}.example"
#define WIDGETS "/v1/widgets"

static char *path_of(const char *id) {
  return join(WIDGETS "/", percent_encode(id), NULL);
}

char *api_url(const char *id) {
  return join("https://" AUTHORITY, path_of(id), NULL);
}

// An answer of another shape: after an unsafe request nobody knows what it did.
static bool misunderstood(const method_t *method, failure_t *failure) {
  return fail(failure, method->safe ? FAILURE(INTERNAL) : FAILURE(OUTCOME_UNKNOWN),
              join("{{name}} answered ", method->name, " in a way that this plugin does not understand", NULL));
}

static uint8_t kind_of(const method_t *method, int status) {
  switch (status) {
    case 401:
    case 403:
      return FAILURE(AUTHENTICATION);
    case 402:
      return FAILURE(QUOTA);
    case 404:
    case 410:
      return FAILURE(NOT_FOUND);
    case 409:
    case 412:
    case 423:
      return FAILURE(CONFLICT);
    case 429:
      return FAILURE(RATE_LIMITED);
    default:
      if (status < 500) return FAILURE(INTERNAL);
      return method->safe ? FAILURE(UNAVAILABLE) : FAILURE(OUTCOME_UNKNOWN);
  }
}

static bool refused(const method_t *method, const response_t *response, failure_t *failure) {
  uint8_t kind = kind_of(method, response->status);
  fail(failure, kind, join("{{name}} refused ", method->name, " (HTTP ", decimal(response->status), ")", NULL));
  if (kind == FAILURE(RATE_LIMITED)) failure->kind.val.rate_limited = response->retry_after;
  return false;
}

static bool is_success(const response_t *response) {
  return response->status >= 200 && response->status < 300;
}

static bool widget_of(const method_t *method, const char *value, widget_t *widget, failure_t *failure) {
  widget->id = json_text(json_member(value, "id"));
  widget->name = json_text(json_member(value, "name"));
  bool sized = json_integer(json_member(value, "size"), &widget->size);
  if (widget->id && *widget->id && widget->name && sized) return true;
  return misunderstood(method, failure);
}

// Sends a request that answers with a widget.
static bool call(const method_t *method, const char *path, const char *json, widget_t *widget, failure_t *failure) {
  response_t response;
  if (!http_request(method, AUTHORITY, path, json, &response, failure)) return false;
  *widget = (widget_t){0};
  if (method->safe && response.status == 404) return true;
  if (!is_success(&response)) return refused(method, &response, failure);
  return widget_of(method, json_parse(response.text), widget, failure);
}

bool api_named(const char *name, widget_t *widget, failure_t *failure) {
  response_t response;
  char *path = join(WIDGETS "?name=", percent_encode(name), NULL);
  if (!http_request(&GET, AUTHORITY, path, NULL, &response, failure)) return false;
  if (!is_success(&response)) return refused(&GET, &response, failure);
  const char *widgets = json_member(json_parse(response.text), "widgets");
  if (!json_is_array(widgets)) return misunderstood(&GET, failure);

  *widget = (widget_t){0};
  const char *item;
  for (size_t i = 0; (item = json_item(widgets, i)); i++) {
    widget_t found;
    if (!widget_of(&GET, item, &found, failure)) return false;
    if (strcmp(found.name, name)) continue;
    if (widget->id) {
      return fail(failure, FAILURE(CONFLICT), join("there is more than one widget `", name, "`", NULL));
    }
    *widget = found;
  }
  return true;
}

bool api_read(const char *id, widget_t *widget, failure_t *failure) {
  return call(&GET, path_of(id), NULL, widget, failure);
}

bool api_create(const char *name, long size, widget_t *widget, failure_t *failure) {
  char *body = join("{\"name\":", json_quote(name), ",\"size\":", decimal(size), "}", NULL);
  return call(&POST, WIDGETS, body, widget, failure);
}

bool api_resize(const char *id, long size, widget_t *widget, failure_t *failure) {
  return call(&PATCH, path_of(id), join("{\"size\":", decimal(size), "}", NULL), widget, failure);
}

bool api_delete(const char *id, failure_t *failure) {
  response_t response;
  if (!http_request(&DELETE, AUTHORITY, path_of(id), NULL, &response, failure)) return false;
  return response.status == 404 || is_success(&response) || refused(&DELETE, &response, failure);
}
