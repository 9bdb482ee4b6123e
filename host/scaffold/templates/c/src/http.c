#include "http.h"

#include <string.h>

#include "text.h"

#define LONGEST_ANSWER (8u * 1024 * 1024)
#define LONGEST_WRITE 4096  // of `blocking-write-and-flush`

const method_t GET = {WASI_HTTP_TYPES_METHOD_GET, "GET", true};
const method_t POST = {WASI_HTTP_TYPES_METHOD_POST, "POST", false};
const method_t PATCH = {WASI_HTTP_TYPES_METHOD_PATCH, "PATCH", false};
const method_t DELETE = {WASI_HTTP_TYPES_METHOD_DELETE, "DELETE", false};

// Whether the error says that nothing was sent.
static bool not_sent(uint8_t code) {
  switch (code) {
    case WASI_HTTP_TYPES_ERROR_CODE_DNS_TIMEOUT:
    case WASI_HTTP_TYPES_ERROR_CODE_DNS_ERROR:
    case WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_NOT_FOUND:
    case WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_UNAVAILABLE:
    case WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_IP_PROHIBITED:
    case WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_IP_UNROUTABLE:
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_REFUSED:
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_TIMEOUT:
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_LIMIT_REACHED:
    case WASI_HTTP_TYPES_ERROR_CODE_TLS_PROTOCOL_ERROR:
    case WASI_HTTP_TYPES_ERROR_CODE_TLS_CERTIFICATE_ERROR:
    case WASI_HTTP_TYPES_ERROR_CODE_TLS_ALERT_RECEIVED:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_DENIED:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_BODY_SIZE:
      return true;
    default:
      return false;
  }
}

// The failure of a request that got no answer: after an unsafe one nobody knows what it did.
static bool unanswered(const method_t *method, bool sent, const char *why, failure_t *failure) {
  bool harmless = method->safe || !sent;
  return fail(failure, harmless ? FAILURE(UNAVAILABLE) : FAILURE(OUTCOME_UNKNOWN),
              join("no answer to ", method->name, " from the API of {{name}}: ", why, NULL));
}

static void append(wasi_http_types_borrow_fields_t fields, const char *name, const char *value) {
  plugin_string_t key = lent(name), text = lent(value);
  wasi_http_types_field_value_t bytes = {text.ptr, text.len};
  wasi_http_types_header_error_t ignored;
  wasi_http_types_method_fields_append(fields, &key, &bytes, &ignored);
}

static bool write_body(wasi_http_types_own_outgoing_body_t body, const char *json) {
  if (json) {
    wasi_io_streams_own_output_stream_t stream;
    if (!wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &stream)) return false;
    for (size_t rest = strlen(json); rest;) {
      size_t size = rest < LONGEST_WRITE ? rest : LONGEST_WRITE;
      plugin_list_u8_t chunk = {(uint8_t *)json, size};
      wasi_io_streams_stream_error_t error;
      if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(
              wasi_io_streams_borrow_output_stream(stream), &chunk, &error)) {
        return false;
      }
      json += size;
      rest -= size;
    }
    wasi_io_streams_output_stream_drop_own(stream);
  }
  wasi_http_types_error_code_t error;
  return wasi_http_types_static_outgoing_body_finish(body, NULL, &error);
}

static bool read_body(wasi_http_types_borrow_incoming_response_t incoming, response_t *response) {
  wasi_http_types_own_incoming_body_t body;
  wasi_io_streams_own_input_stream_t stream;
  if (!wasi_http_types_method_incoming_response_consume(incoming, &body) ||
      !wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body), &stream)) {
    return false;
  }
  size_t length = 0, room = 4096;
  response->text = allocate(room);
  for (;;) {
    plugin_list_u8_t chunk;
    wasi_io_streams_stream_error_t error;
    if (!wasi_io_streams_method_input_stream_blocking_read(wasi_io_streams_borrow_input_stream(stream), 65536, &chunk,
                                                           &error)) {
      return error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
    }
    if (length + chunk.len > LONGEST_ANSWER) return false;
    if (length + chunk.len >= room) {
      room = 2 * (length + chunk.len) + 1;
      char *larger = allocate(room);
      memcpy(larger, response->text, length);
      response->text = larger;
    }
    if (chunk.len) memcpy(response->text + length, chunk.ptr, chunk.len);
    length += chunk.len;
  }
}

static void read_retry_after(wasi_http_types_borrow_incoming_response_t incoming, response_t *response) {
  wasi_http_types_own_fields_t fields = wasi_http_types_method_incoming_response_headers(incoming);
  plugin_string_t name = lent("retry-after");
  wasi_http_types_list_field_value_t values;
  wasi_http_types_method_fields_get(wasi_http_types_borrow_fields(fields), &name, &values);
  if (!values.len || !values.ptr[0].len || values.ptr[0].len > 9) return;
  uint64_t seconds = 0;
  for (size_t i = 0; i < values.ptr[0].len; i++) {
    uint8_t digit = values.ptr[0].ptr[i];
    if (digit < '0' || digit > '9') return;
    seconds = seconds * 10 + (digit - '0');
  }
  response->retry_after = (plugin_option_u64_t){.is_some = true, .val = seconds};
}

bool http_request(const method_t *method, const char *authority, const char *path, const char *json,
                  response_t *response, failure_t *failure) {
  wasi_http_types_own_fields_t fields = wasi_http_types_constructor_fields();
  append(wasi_http_types_borrow_fields(fields), "accept", "application/json");
  if (json) append(wasi_http_types_borrow_fields(fields), "content-type", "application/json");

  wasi_http_types_own_outgoing_request_t outgoing = wasi_http_types_constructor_outgoing_request(fields);
  wasi_http_types_borrow_outgoing_request_t request = wasi_http_types_borrow_outgoing_request(outgoing);
  wasi_http_types_method_t code = {.tag = method->code};
  wasi_http_types_scheme_t https = {.tag = WASI_HTTP_TYPES_SCHEME_HTTPS};
  plugin_string_t to = lent(authority), at = lent(path);
  wasi_http_types_own_outgoing_body_t body;
  if (!wasi_http_types_method_outgoing_request_set_method(request, &code) ||
      !wasi_http_types_method_outgoing_request_set_scheme(request, &https) ||
      !wasi_http_types_method_outgoing_request_set_authority(request, &to) ||
      !wasi_http_types_method_outgoing_request_set_path_with_query(request, &at) ||
      !wasi_http_types_method_outgoing_request_body(request, &body)) {
    return unanswered(method, false, "it is no request that can be sent", failure);
  }

  wasi_http_types_own_future_incoming_response_t future;
  wasi_http_types_error_code_t error;
  if (!wasi_http_outgoing_handler_handle(outgoing, NULL, &future, &error)) {
    return unanswered(method, false, "it was not sent", failure);
  }
  if (!write_body(body, json)) return unanswered(method, true, "it could not be written", failure);

  wasi_http_types_borrow_future_incoming_response_t answer = wasi_http_types_borrow_future_incoming_response(future);
  wasi_io_poll_own_pollable_t ready = wasi_http_types_method_future_incoming_response_subscribe(answer);
  wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(ready));
  wasi_io_poll_pollable_drop_own(ready);
  wasi_http_types_result_result_own_incoming_response_error_code_void_t result;
  if (!wasi_http_types_method_future_incoming_response_get(answer, &result) || result.is_err) {
    return unanswered(method, true, "the host gave none", failure);
  }
  if (result.val.ok.is_err) {
    bool sent = !not_sent(result.val.ok.val.err.tag);
    return unanswered(method, sent, sent ? "the exchange broke off" : "it was not sent", failure);
  }

  wasi_http_types_borrow_incoming_response_t incoming =
      wasi_http_types_borrow_incoming_response(result.val.ok.val.ok);
  *response = (response_t){.status = wasi_http_types_method_incoming_response_status(incoming)};
  read_retry_after(incoming, response);
  if (!read_body(incoming, response)) return unanswered(method, true, "the answer broke off", failure);
  return true;
}
