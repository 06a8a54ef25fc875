package expedite.poller;

/** Invokes a function and waits for its end. */
interface Invoker {

  /** What became of an event. */
  enum Outcome {
    /** The function answered. What it answered is ignored: this source knows no partial batch response. */
    SUCCEEDED,
    /** The function failed, ran out of time, or can never take this event. */
    FAILED,
    /** Throttled, or the service or the way to it failed. The function most likely never saw the event. */
    NOT_RUN
  }

  Outcome invoke(String functionArn, byte[] event);
}
