// One HTTP exchange over the gated import, to its end. JSON in, text out.

#pragma once

#include "types.h"

typedef struct {
  uint8_t code;  // of `wasi_http_types_method_t`
  const char *name;
  bool safe;  // changes nothing
} method_t;

extern const method_t GET, POST, PATCH, DELETE;

typedef struct {
  int status;
  char *text;
  plugin_option_u64_t retry_after;
} response_t;

// Sends a request, with a body unless `json` is NULL, and reads the answer.
bool http_request(const method_t *method, const char *authority, const char *path, const char *json,
                  response_t *response, failure_t *failure);
