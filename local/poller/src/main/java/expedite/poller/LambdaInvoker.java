package expedite.poller;

import java.time.Duration;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.retries.DefaultRetryStrategy;
import software.amazon.awssdk.services.lambda.LambdaClient;
import software.amazon.awssdk.services.lambda.LambdaClientBuilder;
import software.amazon.awssdk.services.lambda.model.InvalidRequestContentException;
import software.amazon.awssdk.services.lambda.model.InvocationType;
import software.amazon.awssdk.services.lambda.model.InvokeResponse;
import software.amazon.awssdk.services.lambda.model.RequestTooLargeException;

/** Invokes functions over Lambda's API, synchronously, each event once. */
final class LambdaInvoker implements Invoker {

  private static final Logger LOG = LoggerFactory.getLogger(LambdaInvoker.class);

  /** Longer than any function may run (Lambda quotas: 15 min), so that a slow one is never taken for a lost one. */
  private static final Duration READ_TIMEOUT = Duration.ofMinutes(16);

  private final LambdaClient lambda;

  LambdaInvoker(LambdaClient lambda) {
    this.lambda = lambda;
  }

  /**
   * No retries by the SDK: after a time-out one of them would run the batch a second time beside the first.
   *
   * @param settings what else the client needs; by default it takes endpoint, region and credentials from the environment
   */
  static LambdaInvoker overHttp(Consumer<LambdaClientBuilder> settings) {
    return new LambdaInvoker(
        LambdaClient.builder()
            .httpClientBuilder(UrlConnectionHttpClient.builder().socketTimeout(READ_TIMEOUT))
            .overrideConfiguration(config -> config.retryStrategy(DefaultRetryStrategy.doNotRetry()))
            .applyMutation(settings)
            .build());
  }

  @Override
  public Outcome invoke(String functionArn, byte[] event) {
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
