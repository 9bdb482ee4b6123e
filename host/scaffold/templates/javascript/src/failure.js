// Why an operation failed, as the contract types it.

export class Failure extends Error {
  /** `kind` is a case of `failure-kind`, such as `conflict`; `value` is what that case holds. */
  constructor(kind, message, { value, nextStep } = {}) {
    super(message);
    /** What goes over the boundary when this is thrown. */
    this.payload = { kind: { tag: kind, val: value }, message, nextStep };
  }
}
