#include "json.h"

#include <string.h>

#include "text.h"

#define DEEPEST 64

static const char *skip_space(const char *at) {
  return at + strspn(at, " \t\r\n");
}

// Each of these returns what follows, or NULL if there is no such thing.

static const char *skip_string(const char *at) {
  if (*at++ != '"') return NULL;
  for (; *at != '"'; at++) {
    if ((unsigned char)*at < 0x20) return NULL;  // also the end of the text
    if (*at != '\\') continue;
    at++;
    if (*at == 'u') {
      if (strspn(at + 1, "0123456789abcdefABCDEF") < 4) return NULL;
      at += 4;
    } else if (!*at || !strchr("\"\\/bfnrt", *at)) {
      return NULL;
    }
  }
  return at + 1;
}

static const char *skip_digits(const char *at) {
  size_t count = strspn(at, "0123456789");
  return count ? at + count : NULL;
}

static const char *skip_number(const char *at) {
  if (*at == '-') at++;
  at = skip_digits(at);
  if (at && *at == '.') at = skip_digits(at + 1);
  if (at && (*at == 'e' || *at == 'E')) {
    at++;
    if (*at == '+' || *at == '-') at++;
    at = skip_digits(at);
  }
  return at;
}

static const char *skip_value(const char *at, int depth);

// `{"name": value, ...}` or `[value, ...]`.
static const char *skip_members(const char *at, int depth) {
  bool object = *at == '{';
  char end = object ? '}' : ']';
  at = skip_space(at + 1);
  if (*at == end) return at + 1;
  for (;;) {
    if (object) {
      at = skip_string(at);
      if (!at) return NULL;
      at = skip_space(at);
      if (*at++ != ':') return NULL;
      at = skip_space(at);
    }
    at = skip_value(at, depth + 1);
    if (!at) return NULL;
    at = skip_space(at);
    if (*at == end) return at + 1;
    if (*at++ != ',') return NULL;
    at = skip_space(at);
  }
}

static const char *skip_value(const char *at, int depth) {
  if (depth > DEEPEST) return NULL;
  switch (*at) {
    case '{':
    case '[':
      return skip_members(at, depth);
    case '"':
      return skip_string(at);
    case 't':
      return strncmp(at, "true", 4) ? NULL : at + 4;
    case 'f':
      return strncmp(at, "false", 5) ? NULL : at + 5;
    case 'n':
      return strncmp(at, "null", 4) ? NULL : at + 4;
    default:
      return skip_number(at);
  }
}

const char *json_parse(const char *text) {
  const char *value = skip_space(text), *end = skip_value(value, 0);
  return end && !*skip_space(end) ? value : NULL;
}

const char *json_member(const char *object, const char *name) {
  if (!object || *object != '{') return NULL;
  for (const char *at = skip_space(object + 1); *at != '}';) {
    char *key = json_text(at);
    at = skip_space(skip_string(at));
    at = skip_space(at + 1);
    if (key && !strcmp(key, name)) return at;
    at = skip_space(skip_value(at, 0));
    if (*at == ',') at = skip_space(at + 1);
  }
  return NULL;
}

const char *json_item(const char *array, size_t index) {
  if (!json_is_array(array)) return NULL;
  for (const char *at = skip_space(array + 1); *at != ']';) {
    if (!index--) return at;
    at = skip_space(skip_value(at, 0));
    if (*at == ',') at = skip_space(at + 1);
  }
  return NULL;
}

bool json_is_array(const char *value) {
  return value && *value == '[';
}

static unsigned hex4(const char *digits) {
  unsigned number = 0;
  for (int i = 0; i < 4; i++) {
    char digit = digits[i];
    number = number * 16 + (unsigned)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
  }
  return number;
}

static char *put_utf8(char *end, unsigned point) {
  if (point < 0x80) {
    *end++ = (char)point;
  } else if (point < 0x800) {
    *end++ = (char)(0xc0 | point >> 6);
    *end++ = (char)(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    *end++ = (char)(0xe0 | point >> 12);
    *end++ = (char)(0x80 | (point >> 6 & 0x3f));
    *end++ = (char)(0x80 | (point & 0x3f));
  } else {
    *end++ = (char)(0xf0 | point >> 18);
    *end++ = (char)(0x80 | (point >> 12 & 0x3f));
    *end++ = (char)(0x80 | (point >> 6 & 0x3f));
    *end++ = (char)(0x80 | (point & 0x3f));
  }
  return end;
}

char *json_text(const char *value) {
  if (!value || *value != '"') return NULL;
  char *text = allocate((size_t)(skip_string(value) - value)), *end = text;
  for (const char *at = value + 1; *at != '"'; at++) {
    if (*at != '\\') {
      *end++ = *at;
      continue;
    }
    const char *named = "\"\\/bfnrt", *meant = "\"\\/\b\f\n\r\t";
    at++;
    if (*at != 'u') {
      *end++ = meant[strchr(named, *at) - named];
      continue;
    }
    unsigned point = hex4(at + 1);
    at += 4;
    if (point >= 0xd800 && point < 0xdc00 && at[1] == '\\' && at[2] == 'u') {
      unsigned low = hex4(at + 3);
      if (low >= 0xdc00 && low < 0xe000) {
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      }
    }
    if (!point) return NULL;
    bool lone = point >= 0xd800 && point < 0xe000;
    end = put_utf8(end, lone ? 0xfffd : point);
  }
  return text;
}

bool json_integer(const char *value, long *number) {
  if (!value) return false;
  const char *end = skip_number(value);
  if (!end || end - value > 9) return false;
  long result = 0;
  for (const char *at = value + (*value == '-'); at < end; at++) {
    if (*at < '0' || *at > '9') return false;
    result = result * 10 + (*at - '0');
  }
  *number = *value == '-' ? -result : result;
  return true;
}

char *json_quote(const char *text) {
  static const char hex[] = "0123456789abcdef";
  char *quoted = allocate(6 * strlen(text) + 3), *end = quoted;
  *end++ = '"';
  for (; *text; text++) {
    unsigned char byte = (unsigned char)*text;
    if (byte < 0x20) {
      memcpy(end, "\\u00", 4);
      end[4] = hex[byte >> 4];
      end[5] = hex[byte & 15];
      end += 6;
      continue;
    }
    if (byte == '"' || byte == '\\') *end++ = '\\';
    *end++ = (char)byte;
  }
  *end = '"';
  return quoted;
}
