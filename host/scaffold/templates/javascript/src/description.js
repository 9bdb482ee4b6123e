// What the plugin says about itself: the host asks once per build and keeps the answer.

/** JSON Schema (2020-12) of the service's options. */
const OPTIONS = {
  type: 'object',
  properties: {
    size: { type: 'integer', minimum: 1, maximum: 100, default: 1, description: 'How large the widget is' },
  },
  additionalProperties: false,
};

const EXAMPLE = `services:
  widget:
    type: external
    provision:
      provider: {{name}}
      size: 3
`;

export function describe() {
  return {
    provider: '{{name}}',
    summary: 'Widgets of the {{name}} API',
    requiresApiKey: false,
    vaultKeys: [],
    optionsSchema: JSON.stringify(OPTIONS),
    shapes: [],
    example: EXAMPLE,
  };
}
