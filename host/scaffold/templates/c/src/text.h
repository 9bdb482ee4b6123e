// Text: C strings inside, the contract's strings at the edge.

#pragma once

#include "types.h"

// Memory that is zero; the instance ends if there is none.
void *allocate(size_t size);

// The parts one after another; NULL ends them.
char *join(const char *first, ...);

// Decimal digits.
char *decimal(long number);

// Everything but unreserved characters escaped, so that it stays one segment of a path or one query value.
char *percent_encode(const char *text);

// A C string's copy for the host; the bindings free it.
plugin_string_t owned(const char *text);

// A C string as an argument of an import, which does not keep it.
plugin_string_t lent(const char *text);

// A C string of what the host gave.
char *received(plugin_string_t text);

// RFC 3339, UTC, of seconds since the Unix epoch.
char *rfc3339(uint64_t seconds);
