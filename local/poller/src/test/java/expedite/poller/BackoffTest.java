package expedite.poller;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class BackoffTest {

  @Test
  void doublesUpToItsBoundAndStartsAnewAfterASuccess() {
    var backoff = new Backoff(Duration.ofSeconds(1), Duration.ofSeconds(3));

    assertTrue(backoff.isFresh());
    assertEquals(Duration.ofSeconds(1), backoff.next());
    assertFalse(backoff.isFresh());
    assertEquals(Duration.ofSeconds(2), backoff.next());
    assertEquals(Duration.ofSeconds(3), backoff.next());
    assertEquals(Duration.ofSeconds(3), backoff.next());

    backoff.reset();
    assertEquals(Duration.ofSeconds(1), backoff.next());
  }
}
