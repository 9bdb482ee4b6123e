// The API of the provider. Answers come from outside: what is not as it should be is a failure.

#pragma once

#include "types.h"

typedef struct {
  char *id;  // NULL if there is no widget
  char *name;
  long size;
} widget_t;

char *api_url(const char *id);

// The one widget of exactly this name; a conflict if there are more.
bool api_named(const char *name, widget_t *widget, failure_t *failure);

bool api_read(const char *id, widget_t *widget, failure_t *failure);

bool api_create(const char *name, long size, widget_t *widget, failure_t *failure);

bool api_resize(const char *id, long size, widget_t *widget, failure_t *failure);

// A widget already gone is success.
bool api_delete(const char *id, failure_t *failure);
