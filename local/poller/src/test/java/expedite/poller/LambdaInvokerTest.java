package expedite.poller;

import static expedite.poller.Invoker.Outcome.FAILED;
import static expedite.poller.Invoker.Outcome.NOT_RUN;
import static expedite.poller.Invoker.Outcome.SUCCEEDED;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;

/** Against an HTTP server, since it is the SDK's and the JDK's own habits that this is about. */
class LambdaInvokerTest {

  private static final byte[] EVENT = "{\"messages\":[]}".getBytes(StandardCharsets.UTF_8);

  private final List<String> requests = Collections.synchronizedList(new ArrayList<>());
  private HttpServer server;
  private LambdaInvoker invoker;

  @BeforeEach
  void start() throws Exception {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.start();
    invoker = LambdaInvoker.overHttp(builder -> builder
        .endpointOverride(URI.create("http://127.0.0.1:" + server.getAddress().getPort()))
        .region(Region.EU_CENTRAL_1)
        .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test"))));
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  @Test
  void succeedsWhateverTheFunctionAnswers() {
    answer(200, "{\"batchItemFailures\":[{}]}", null);

    assertEquals(SUCCEEDED, invoker.invoke("process", EVENT));
    assertEquals(List.of("RequestResponse {\"messages\":[]}"), requests);
  }

  @Test
  void failsWithTheFunction() {
    answer(200, "{\"errorType\":\"Poison\"}", "Unhandled");

    assertEquals(FAILED, invoker.invoke("process", EVENT));
  }

  @ParameterizedTest
  @CsvSource({
      "429, TooManyRequestsException", "500, ServiceException", "502, EC2ThrottledException",
      "403, AccessDeniedException", "404, ResourceNotFoundException",
  })
  void knowsThatTheFunctionDidNotRun(int status, String error) {
    answer(status, "{\"__type\":\"" + error + "\"}", null);

    assertEquals(NOT_RUN, invoker.invoke("process", EVENT));
    assertEquals(1, requests.size(), "the SDK must not retry by itself");
  }

  /** Sent again, such an event would be refused for ever. */
  @ParameterizedTest
  @CsvSource({"413, RequestTooLargeException", "400, InvalidRequestContentException"})
  void failsAnEventThatCannotBeTaken(int status, String error) {
    answer(status, "{\"__type\":\"" + error + "\"}", null);

    assertEquals(FAILED, invoker.invoke("process", EVENT));
  }

  @Test
  void doesNotRunWhereNobodyListens() {
    server.stop(0);

    assertEquals(NOT_RUN, invoker.invoke("process", EVENT));
  }

  /**
   * The JDK takes a connection that was good before for merely stale, and sends the request again. It does not do so with
   * a request that is streamed, as the SDK's is.
   */
  @Test
  void sendsNothingTwiceWhenAConnectionBreaks() {
    server.createContext("/", exchange -> {
      exchange.getRequestBody().readAllBytes();
      requests.add("port " + exchange.getRemoteAddress().getPort());
      if (requests.size() == 1) {
        exchange.sendResponseHeaders(200, -1);
      }
      exchange.close();
    });

    assertEquals(SUCCEEDED, invoker.invoke("process", EVENT));
    assertEquals(NOT_RUN, invoker.invoke("process", EVENT));
    assertEquals(2, requests.size());
    assertEquals(requests.get(0), requests.get(1), "it must be the same connection");
  }

  private void answer(int status, String body, String functionError) {
    server.createContext("/2015-03-31/functions/process/invocations", exchange -> {
      String event = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      requests.add(exchange.getRequestHeaders().getFirst("X-Amz-Invocation-Type") + " " + event);
      if (functionError != null) {
        exchange.getResponseHeaders().set("X-Amz-Function-Error", functionError);
      }
      byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(status, bytes.length);
      exchange.getResponseBody().write(bytes);
      exchange.close();
    });
  }
}
