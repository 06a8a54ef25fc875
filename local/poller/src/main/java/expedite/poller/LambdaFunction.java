package expedite.poller;

import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.retries.DefaultRetryStrategy;
import software.amazon.awssdk.services.lambda.LambdaClient;
import software.amazon.awssdk.services.lambda.model.InvalidRequestContentException;
import software.amazon.awssdk.services.lambda.model.InvocationType;
import software.amazon.awssdk.services.lambda.model.InvokeResponse;
import software.amazon.awssdk.services.lambda.model.RequestTooLargeException;

/** Invokes functions synchronously, each event once. */
final class LambdaFunction {

  private static final Logger LOG = LoggerFactory.getLogger(LambdaFunction.class);

  /** Longer than any function may run (Lambda quotas: 15 min), so that a slow one is never taken for a lost one. */
  private static final Duration READ_TIMEOUT = Duration.ofMinutes(16);

  private final LambdaClient lambda;

  LambdaFunction(LambdaClient lambda) {
    this.lambda = lambda;
  }

  /** What became of an event. */
  enum Outcome {
    /** The function answered. What it answered is ignored: this source knows no partial batch response. */
    SUCCEEDED,
    /** The function failed, ran out of time, or can never take this event. */
    FAILED,
    /** Throttled, or the service or the way to it failed. The function most likely never saw the event. */
    NOT_RUN
  }

  /** No retries by the SDK: after a time-out one of them would run the batch a second time beside the first. */
  static LambdaFunction overHttp() {
    return new LambdaFunction(
        LambdaClient.builder()
            .httpClientBuilder(UrlConnectionHttpClient.builder().socketTimeout(READ_TIMEOUT))
            .overrideConfiguration(config -> config.retryStrategy(DefaultRetryStrategy.doNotRetry()))
            .build());
  }

  /** The JDK's own HTTP client sends a POST again when a kept-alive connection breaks, unless it is told not to. */
  static void neverSendTwice() {
    System.setProperty("sun.net.http.retryPost", "false");
  }

  Outcome invoke(String functionArn, byte[] event) {
    long started = System.nanoTime();
    try {
      return outcome(functionArn, lambda.invoke(request -> request
          .functionName(functionArn)
          .invocationType(InvocationType.REQUEST_RESPONSE)
          .payload(SdkBytes.fromByteArray(event))));
    } catch (RequestTooLargeException | InvalidRequestContentException refused) {
      LOG.warn("{} cannot take the event: {}", functionArn, refused.getMessage());
      return Outcome.FAILED;
    } catch (SdkException error) {
      boolean timedOut = System.nanoTime() - started >= READ_TIMEOUT.toNanos();
      LOG.warn("{} {}: {}", functionArn, timedOut ? "did not answer" : "could not be invoked", error.getMessage());
      return timedOut ? Outcome.FAILED : Outcome.NOT_RUN;
    }
  }

  private static Outcome outcome(String functionArn, InvokeResponse response) {
    if (response.functionError() == null) {
      return Outcome.SUCCEEDED;
    }
    LOG.warn("{} failed, {}: {}", functionArn, response.functionError(), response.payload().asUtf8String());
    return Outcome.FAILED;
  }
}
