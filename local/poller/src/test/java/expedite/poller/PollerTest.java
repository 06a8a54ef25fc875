package expedite.poller;

import static expedite.poller.Invoker.Outcome.FAILED;
import static expedite.poller.Invoker.Outcome.NOT_RUN;
import static expedite.poller.Invoker.Outcome.SUCCEEDED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.jms.JMSException;
import javax.jms.JMSSecurityException;
import javax.jms.Message;
import org.apache.activemq.command.ActiveMQMapMessage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(10)
class PollerTest {

  private final List<String> log = Collections.synchronizedList(new ArrayList<>());
  private final Assignment assignment = new Assignment(Samples.mapping(), 1, silent -> {});
  private Thread thread;

  @Test
  void commitsWhatTheFunctionHasProcessed() throws Exception {
    poll(queue(Samples.text("a"), Samples.text("b")), function(SUCCEEDED));

    assertLogged("open", "invoke 2", "commit");
  }

  @Test
  void rollsBackTheWholeBatchWhenTheFunctionFails() throws Exception {
    poll(queue(Samples.text("a"), Samples.text("b")), function(FAILED));

    assertLogged("open", "invoke 2", "rollback");
  }

  @Test
  void waitsForNoMoreThanABatch() throws Exception {
    assignment.change(Samples.mapping(2, true));

    poll(queue(Samples.text("a"), Samples.text("b"), Samples.text("c")), function(SUCCEEDED, SUCCEEDED));

    assertLogged("open", "invoke 2", "commit", "invoke 1", "commit");
  }

  @Test
  void invokesAgainWhatDidNotRunAndKeepsTheTransaction() throws Exception {
    poll(queue(Samples.text("a")), function(NOT_RUN, NOT_RUN, SUCCEEDED));

    assertLogged("open", "invoke 1", "invoke 1", "invoke 1", "commit");
  }

  @Test
  void givesBackWhatDidNotRunWhenItIsDisabled() throws Exception {
    poll(queue(Samples.text("a")), (functionArn, event) -> {
      log.add("invoke");
      assignment.change(Samples.mapping(10, false));
      return NOT_RUN;
    });

    assertLogged("open", "invoke", "rollback", "close");
  }

  @Test
  void finishesItsBatchWhenItIsDisabled() throws Exception {
    poll(queue(Samples.text("a")), (functionArn, event) -> {
      log.add("invoke");
      assignment.change(Samples.mapping(10, false));
      return SUCCEEDED;
    });

    assertLogged("open", "invoke", "commit", "close");
  }

  @Test
  void startsAnewWhenTheMappingChanges() throws Exception {
    poll(queue(Samples.text("a")), (functionArn, event) -> {
      log.add("invoke");
      assignment.change(Samples.mapping(99, true));
      return SUCCEEDED;
    });

    assertLogged("open", "invoke", "commit", "close", "open");
  }

  /** A message that nothing can come of must neither fail its neighbours nor stay in the queue. */
  @Test
  void dropsWhatItCannotHandOver() throws Exception {
    Message map = Samples.delivered(new ActiveMQMapMessage());

    poll(queue(map, Samples.text("a"), Samples.text("x".repeat(Batch.MAX_EVENT))), function(SUCCEEDED));

    assertLogged("open", "commit", "invoke 1", "commit");
  }

  @Test
  void commitsTwoEventsTogetherWhenOneDoesNotHoldTheBatch() throws Exception {
    String half = "x".repeat(Batch.MAX_EVENT / 2);

    poll(queue(Samples.text(half), Samples.text(half)), function(SUCCEEDED, SUCCEEDED));

    assertLogged("open", "invoke 1", "invoke 1", "commit");
  }

  @Test
  void rollsBackBothEventsWhenTheSecondFails() throws Exception {
    String half = "x".repeat(Batch.MAX_EVENT / 2);

    poll(queue(Samples.text(half), Samples.text(half)), function(SUCCEEDED, FAILED));

    assertLogged("open", "invoke 1", "invoke 1", "rollback");
  }

  @Test
  void connectsAgainWhenTheBrokerOrThePasswordFails() throws Exception {
    var failures = new ArrayDeque<JMSException>(List.of(new JMSException("gone"), new JMSSecurityException("wrong")));
    TransactedQueue.Opener opener = mapping -> {
      if (!failures.isEmpty()) {
        log.add("refused");
        throw failures.remove();
      }
      log.add("open");
      return new FakeQueue(new ArrayDeque<>());
    };

    poll(opener, function());

    assertLogged("refused", "refused", "open");
  }

  @Test
  void connectsAgainWhenItCannotCommit() throws Exception {
    poll(mapping -> {
      log.add("open");
      return new FakeQueue(new ArrayDeque<>(List.of(Samples.text("a")))) {
        @Override
        public void commit() throws JMSException {
          throw new JMSException("the connection is gone, and the transaction with it");
        }
      };
    }, function(SUCCEEDED, SUCCEEDED));

    assertLogged("open", "invoke 1", "close", "open", "invoke 1", "close");
  }

  @AfterEach
  void stop() throws InterruptedException {
    assignment.end();
    thread.join();
  }

  private void poll(TransactedQueue.Opener queues, Invoker invoker) {
    thread = new Thread(new Poller(assignment, queues, invoker));
    thread.start();
  }

  /** What happened so far begins with this. */
  private void assertLogged(String... expected) throws InterruptedException {
    while (log.size() < expected.length) {
      assertTrue(thread.isAlive(), "ended after " + log);
      TimeUnit.MILLISECONDS.sleep(5);
    }
    synchronized (log) {
      assertEquals(Arrays.asList(expected), log.subList(0, expected.length));
    }
  }

  private TransactedQueue.Opener queue(Message... messages) {
    var waiting = new ArrayDeque<>(Arrays.asList(messages));
    return mapping -> {
      log.add("open");
      return new FakeQueue(waiting);
    };
  }

  private Invoker function(Invoker.Outcome... outcomes) {
    var next = new ArrayDeque<>(Arrays.asList(outcomes));
    return (functionArn, event) -> {
      log.add("invoke " + Samples.json(event).get("messages").size());
      return next.remove();
    };
  }

  /** Each message once, and a log of what became of them. */
  private class FakeQueue implements TransactedQueue {

    private final Deque<Message> waiting;

    FakeQueue(Deque<Message> waiting) {
      this.waiting = waiting;
    }

    @Override
    public Message receive(long timeout) {
      Message next = waiting.poll();
      if (next == null) {
        try {
          TimeUnit.MILLISECONDS.sleep(timeout);
        } catch (InterruptedException stopped) {
          Thread.currentThread().interrupt();
        }
      }
      return next;
    }

    @Override
    public void commit() throws JMSException {
      log.add("commit");
    }

    @Override
    public void rollback() {
      log.add("rollback");
    }

    @Override
    public void close() {
      log.add("close");
    }
  }
}
