// Reading JSON that comes from outside, and quoting text for it.
//
// A value is a pointer to its first character within a text that `json_parse` has checked whole.

#pragma once

#include "types.h"

// The value that the text holds; NULL if the text is not JSON, or nested too deep.
const char *json_parse(const char *text);

// The member of an object; NULL if it is no object or has none of this name.
const char *json_member(const char *object, const char *name);

// The item of an array; NULL if it is no array or has fewer.
const char *json_item(const char *array, size_t index);

bool json_is_array(const char *value);

// The text of a string; NULL if it is none, or holds a zero character.
char *json_text(const char *value);

// Whether it is a whole number, and which.
bool json_integer(const char *value, long *number);

// The text as a JSON string.
char *json_quote(const char *text);
