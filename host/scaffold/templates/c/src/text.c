#include "text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void *allocate(size_t size) {
  void *memory = calloc(1, size ? size : 1);
  if (!memory) abort();
  return memory;
}

char *join(const char *first, ...) {
  va_list parts;
  size_t length = 0;
  va_start(parts, first);
  for (const char *part = first; part; part = va_arg(parts, const char *)) length += strlen(part);
  va_end(parts);

  char *joined = allocate(length + 1), *end = joined;
  va_start(parts, first);
  for (const char *part = first; part; part = va_arg(parts, const char *)) {
    size_t size = strlen(part);
    memcpy(end, part, size);
    end += size;
  }
  va_end(parts);
  return joined;
}

char *decimal(long number) {
  char digits[24];
  char *start = digits + sizeof digits - 1;
  unsigned long rest = number < 0 ? 0ul - (unsigned long)number : (unsigned long)number;
  *start = 0;
  do {
    *--start = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest);
  return join(number < 0 ? "-" : "", start, NULL);
}

char *percent_encode(const char *text) {
  static const char hex[] = "0123456789ABCDEF";
  char *encoded = allocate(3 * strlen(text) + 1), *end = encoded;
  for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
    bool letter = (*byte >= 'a' && *byte <= 'z') || (*byte >= 'A' && *byte <= 'Z');
    if (letter || (*byte >= '0' && *byte <= '9') || strchr("-._~", *byte)) {
      *end++ = (char)*byte;
    } else {
      *end++ = '%';
      *end++ = hex[*byte >> 4];
      *end++ = hex[*byte & 15];
    }
  }
  return encoded;
}

plugin_string_t owned(const char *text) {
  return lent(join(text, NULL));
}

plugin_string_t lent(const char *text) {
  return (plugin_string_t){.ptr = (uint8_t *)text, .len = strlen(text)};
}

char *received(plugin_string_t text) {
  char *copy = allocate(text.len + 1);
  if (text.len) memcpy(copy, text.ptr, text.len);
  return copy;
}

static char *two_digits(int number) {
  return join(number < 10 ? "0" : "", decimal(number), NULL);
}

char *rfc3339(uint64_t seconds) {
  time_t time = (time_t)seconds;
  struct tm utc;
  gmtime_r(&time, &utc);
  return join(decimal(utc.tm_year + 1900), "-", two_digits(utc.tm_mon + 1), "-", two_digits(utc.tm_mday), "T",
              two_digits(utc.tm_hour), ":", two_digits(utc.tm_min), ":", two_digits(utc.tm_sec), "Z", NULL);
}

bool fail(failure_t *failure, uint8_t kind, const char *message) {
  *failure = (failure_t){.kind = {.tag = kind}, .message = owned(message)};
  return false;
}
