// The provider: one widget per service. `wit/deps/provisioner/adapter.wit` says what each function owes.

#include <string.h>

#include "api.h"
#include "json.h"
#include "text.h"

#define DETAIL "widget"

// The deterministic name: what an interrupted run created is found again by it.
static char *name_of(const context_t *context) {
  return join(received(context->project), "-", received(context->environment), "-", received(context->service_id),
              NULL);
}

// The size that the service asks for. The host has validated the options against the schema.
static long size_of(const service_t *service) {
  long size = 1;
  json_integer(json_member(json_parse(received(service->options)), "size"), &size);
  return size;
}

// The id that an earlier run recorded; NULL if there is none.
static char *recorded_id(const context_t *context) {
  if (context->existing.is_some) return received(context->existing.val.resource_id);
  if (!context->partial.is_some) return NULL;
  return json_text(json_member(json_parse(received(context->partial.val)), "id"));
}

// The widget that is there already: by its recorded id, or else by its name.
static bool locate(const context_t *context, widget_t *widget, failure_t *failure) {
  char *id = recorded_id(context);
  if (id) {
    if (!api_read(id, widget, failure)) return false;
    if (widget->id) return true;
  }
  return api_named(name_of(context), widget, failure);
}

static changes_t one_change(const char *field, const char *before, const char *after) {
  change_t *change = allocate(sizeof *change);
  *change = (change_t){
      .field = owned(field),
      .before = {.is_some = true, .val = owned(before)},
      .after = {.is_some = true, .val = owned(after)},
  };
  return (changes_t){change, 1};
}

static changes_t changes_of(const widget_t *widget, long size) {
  if (widget->size == size) return (changes_t){0};
  return one_change("size", decimal(widget->size), decimal(size));
}

static state_t state_of(const context_t *context, const widget_t *widget) {
  const optional_state_t *existing = (const optional_state_t *)&context->existing;
  bool known = existing->is_some && !strcmp(received(existing->val.resource_id), widget->id);
  wasi_clocks_wall_clock_datetime_t now;
  wasi_clocks_wall_clock_now(&now);
  return (state_t){
      .provider = owned("{{name}}"),
      .resource_id = owned(widget->id),
      .provisioned_at = owned(known ? received(existing->val.provisioned_at) : rfc3339(now.seconds)),
      .metadata = owned(join("{\"name\":", json_quote(widget->name), "}", NULL)),
  };
}

static void step(char *message) {
  plugin_string_t text = lent(message);
  starsystem_provisioner_progress_step(&text);
}

// Keeps the id for the next attempt: called right after the request that created something.
static bool save(const widget_t *widget, failure_t *failure) {
  plugin_string_t partial = lent(join("{\"id\":", json_quote(widget->id), "}", NULL)), error;
  if (starsystem_provisioner_journal_save_partial_state(&partial, &error)) return true;
  return fail(failure, FAILURE(INTERNAL), received(error));
}

bool exports_starsystem_provisioner_adapter_can_provision(service_t *service) {
  (void)service;
  return true;
}

bool exports_starsystem_provisioner_adapter_plan(context_t *context, service_t *service, plan_t *plan,
                                                 failure_t *failure) {
  *plan = (plan_t){.action = STARSYSTEM_PROVISIONER_TYPES_ACTION_CREATE, .detail = owned(DETAIL)};
  // Nothing is recorded, so nothing is asked: the API need not be reachable to plan a first run.
  if (!recorded_id(context)) return true;
  widget_t widget;
  if (!locate(context, &widget, failure)) return false;
  if (!widget.id) return true;
  changes_t changes = changes_of(&widget, size_of(service));
  plan->changes.ptr = changes.ptr;
  plan->changes.len = changes.len;
  plan->action = changes.len ? STARSYSTEM_PROVISIONER_TYPES_ACTION_UPDATE : STARSYSTEM_PROVISIONER_TYPES_ACTION_NOTHING;
  return true;
}

bool exports_starsystem_provisioner_adapter_provision(context_t *context, service_t *service, outcome_t *outcome,
                                                      failure_t *failure) {
  long size = size_of(service);
  widget_t widget;
  if (!locate(context, &widget, failure)) return false;
  if (!widget.id) {
    if (!api_create(name_of(context), size, &widget, failure) || !save(&widget, failure)) return false;
    step(join("Widget created: ", widget.name, NULL));
  } else if (widget.size != size) {
    if (!api_resize(widget.id, size, &widget, failure)) return false;
    step(join("Widget resized: ", widget.name, ", size ", decimal(size), NULL));
  }
  starsystem_provisioner_types_credential_t *credential = allocate(sizeof *credential);
  credential->name = owned("WIDGET_URL");
  credential->value = owned(api_url(widget.id));
  *outcome = (outcome_t){
      .state = state_of(context, &widget),
      .credentials = {credential, 1},
      .summary = owned(join("widget ", widget.name, ", size ", decimal(widget.size), NULL)),
  };
  return true;
}

bool exports_starsystem_provisioner_adapter_status(context_t *context, state_t *state, health_t *health,
                                                   failure_t *failure) {
  (void)context;
  char *id = received(state->resource_id);
  widget_t widget;
  if (!api_read(id, &widget, failure)) return false;
  *health = (health_t){
      .healthy = widget.id,
      .message = owned(widget.id ? join("widget ", widget.name, " is there", NULL)
                                 : join("widget ", id, " no longer exists", NULL)),
  };
  return true;
}

bool exports_starsystem_provisioner_adapter_observe(context_t *context, service_t *service, state_t *state,
                                                    changes_t *changes, failure_t *failure) {
  (void)context;
  char *id = received(state->resource_id);
  widget_t widget;
  if (!api_read(id, &widget, failure)) return false;
  *changes = widget.id ? changes_of(&widget, size_of(service)) : one_change("widget", "\"gone\"", json_quote(id));
  return true;
}

bool exports_starsystem_provisioner_adapter_find(context_t *context, service_t *service, optional_state_t *found,
                                                 failure_t *failure) {
  (void)service;
  widget_t widget;
  if (!api_named(name_of(context), &widget, failure)) return false;
  *found = (optional_state_t){.is_some = widget.id};
  if (widget.id) found->val = state_of(context, &widget);
  return true;
}

bool exports_starsystem_provisioner_adapter_destroy(context_t *context, state_t *state, failure_t *failure) {
  (void)context;
  return api_delete(received(state->resource_id), failure);
}
