package expedite.poller;

import java.util.Optional;
import javax.jms.JMSException;
import javax.jms.JMSSecurityException;
import javax.jms.Message;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.core.exception.SdkException;

/**
 * Takes one batch after the other from the queue and hands it to the function.
 *
 * <p>A batch is one transaction of the broker. It is committed when the function succeeded and rolled back when it
 * failed: then the client delivers all of it again. A poller that dies in between leaves it to the broker to do so. So
 * nothing is lost, and everything may come twice, as Lambda promises it.
 */
final class Poller implements Runnable {

  private static final Logger LOG = LoggerFactory.getLogger(Poller.class);

  /** The longest time in milliseconds after which a poller sees that its mapping has changed. */
  private static final long GLANCE = 100;

  private final Assignment assignment;
  private final TransactedQueue.Opener queues;
  private final Invoker invoker;
  private final Backoff reconnect = Backoff.forBroker();

  Poller(Assignment assignment, TransactedQueue.Opener queues, Invoker invoker) {
    this.assignment = assignment;
    this.queues = queues;
    this.invoker = invoker;
  }

  @Override
  public void run() {
    try {
      Optional<Mapping> next;
      while ((next = assignment.await()).isPresent()) {
        serveOrWait(next.get());
      }
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }

  private void serveOrWait(Mapping mapping) throws InterruptedException {
    try {
      serve(mapping);
    } catch (JMSSecurityException denied) {
      // Lambda stops such a mapping for good; here it must come back by itself when the secret has been mended.
      retry(mapping, "EVENT_SOURCE_AUTHN_ERROR or EVENT_SOURCE_AUTHZ_ERROR", denied);
    } catch (JMSException broken) {
      retry(mapping, "no connection to the broker", broken);
    } catch (SdkException unreadable) {
      retry(mapping, "cannot read the secret " + mapping.secretArn(), unreadable);
    }
  }

  private void retry(Mapping mapping, String what, Exception error) throws InterruptedException {
    if (reconnect.isFresh()) {
      LOG.warn("mapping {}: {}, trying again until it works: {}", mapping.uuid(), what, error.getMessage());
    }
    assignment.pause(mapping, reconnect.next());
  }

  /** Serves the mapping over one connection, until the mapping changes or the connection breaks. */
  private void serve(Mapping mapping) throws JMSException, InterruptedException {
    try (var queue = queues.open(mapping)) {
      assignment.attach(mapping);
      reconnect.reset();
      while (assignment.stands(mapping)) {
        deliver(mapping, queue);
      }
    } finally {
      assignment.detach();
    }
  }

  private void deliver(Mapping mapping, TransactedQueue queue) throws JMSException, InterruptedException {
    Batch batch = collect(mapping, queue);
    for (byte[] event : batch.events()) {
      if (!invoke(mapping, event)) {
        queue.rollback();
        return;
      }
    }
    queue.commit();
  }

  /** A mapping that changes cuts the batch short; what it has by then is still delivered. */
  private Batch collect(Mapping mapping, TransactedQueue queue) throws JMSException {
    var batch = new Batch(mapping.eventSourceArn(), mapping.batchSize(), mapping.window());
    while (assignment.stands(mapping) && !batch.isComplete(System.nanoTime())) {
      Message message = queue.receive(Math.min(GLANCE, batch.patience(System.nanoTime()).toMillis() + 1));
      if (message != null && !accept(message, batch) && batch.isEmpty()) {
        // A commit for itself alone: else such messages would fill the prefetch, and no others would come.
        return batch;
      }
    }
    return batch;
  }

  /** False for a message that can't be handed over. It is left out, so the commit removes it from the queue. */
  private static boolean accept(Message message, Batch batch) throws JMSException {
    Optional<byte[]> encoded = EventMessage.encode(message);
    if (encoded.isEmpty()) {
      LOG.error("dropped {}: only text and bytes messages are supported, not {}",
          message.getJMSMessageID(), message.getClass().getSimpleName());
      return false;
    }
    boolean fits = batch.add(encoded.get(), System.nanoTime());
    if (!fits) {
      LOG.error("dropped {}: it is larger than an event may be", message.getJMSMessageID());
    }
    return fits;
  }

  /** Whether the function has processed the event. An event that didn't reach it costs no redelivery: it is sent again. */
  private boolean invoke(Mapping mapping, byte[] event) throws InterruptedException {
    var backoff = Backoff.forInvocation();
    while (true) {
      switch (invoker.invoke(mapping.functionArn(), event)) {
        case SUCCEEDED:
          return true;
        case FAILED:
          return false;
        case NOT_RUN:
          if (!assignment.stands(mapping)) {
            return false;
          }
          assignment.pause(mapping, backoff.next());
      }
    }
  }
}
