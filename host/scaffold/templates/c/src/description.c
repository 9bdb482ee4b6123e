// What the plugin says about itself: the host asks once per build and keeps the answer.

#include "text.h"

// JSON Schema (2020-12) of the service's options.
static const char OPTIONS[] =
    "{\"type\":\"object\","
    "\"properties\":{"
    "\"size\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"default\":1,"
    "\"description\":\"How large the widget is\"}},"
    "\"additionalProperties\":false}";

static const char EXAMPLE[] =
    "services:\n"
    "  widget:\n"
    "    type: external\n"
    "    provision:\n"
    "      provider: {{name}}\n"
    "      size: 3\n";

void exports_starsystem_provisioner_adapter_describe(description_t *description) {
  *description = (description_t){
      .provider = owned("{{name}}"),
      .summary = owned("Widgets of the {{name}} API"),
      .requires_api_key = false,
      .options_schema = owned(OPTIONS),
      .example = owned(EXAMPLE),
  };
}
