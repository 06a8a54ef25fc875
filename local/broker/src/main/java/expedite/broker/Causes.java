package expedite.broker;

/** An error in one line. Spring wraps the broker's own errors several times over, and the innermost one says why. */
final class Causes {

  private Causes() {}

  static String of(Throwable error) {
    Throwable innermost = error;
    while (innermost.getCause() != null) {
      innermost = innermost.getCause();
    }
    String reason = innermost.getMessage() == null ? innermost.toString() : innermost.getMessage();
    return innermost == error ? reason : summary(error) + ": " + reason;
  }

  private static String summary(Throwable error) {
    return error.getClass().getSimpleName();
  }
}
