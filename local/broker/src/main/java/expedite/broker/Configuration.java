package expedite.broker;

import java.io.OutputStream;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.ErrorHandler;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;

/**
 * Turns the configuration of an Amazon MQ broker into one that ActiveMQ starts from.
 *
 * <p>A configuration on Amazon MQ holds neither connectors nor users, store or TLS: the service sets those itself. This
 * class adds exactly them, and leaves everything else as it stands, so that what is tried here is what is deployed.
 */
final class Configuration {

  static final String CORE = "http://activemq.apache.org/schema/core";
  private static final String BEANS = "http://www.springframework.org/schema/beans";

  /** The store's folder has the broker's name in it, so the name must stay the same from start to start. */
  private static final String BROKER_NAME = "expedite";

  /**
   * Amazon MQ's list of permitted elements and attributes has none of these. It drops them from a configuration without
   * a word; here they are refused, since what was written would not hold.
   */
  private static final List<String> RESERVED_ELEMENTS =
      List.of("transportConnectors", "simpleAuthenticationPlugin", "sslContext", "managementContext");

  private static final List<String> RESERVED_ATTRIBUTES =
      List.of("brokerName", "dataDirectory", "useJmx", "start");

  private Configuration() {}

  static Document assemble(Specification specification, Surroundings surroundings) throws Exception {
    Document document = parse(specification.configuration());
    Element broker = document.getDocumentElement();
    refuseReserved(broker);
    addStore(broker, surroundings.data());
    addUsers(broker, specification.users());
    surroundings.keyStore().ifPresent(keyStore -> addTls(broker, keyStore));
    addConnectors(broker, surroundings);
    // Management over JMX is Amazon's; it would open a port that nobody asked for.
    broker.setAttribute("useJmx", "false");
    wrapInBeans(document);
    return document;
  }

  /** The file holds passwords, so only its owner may read it. */
  static Path writePrivately(Document document, Path file) throws Exception {
    Files.deleteIfExists(file);
    Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    try (OutputStream out = Files.newOutputStream(file)) {
      TransformerFactory.newInstance().newTransformer().transform(new DOMSource(document), new StreamResult(out));
    }
    return file;
  }

  private static Document parse(String configuration) throws Exception {
    Document document;
    try {
      document = builder().parse(new InputSource(new StringReader(configuration)));
    } catch (SAXParseException malformed) {
      throw new IllegalArgumentException(
          "the configuration is not XML, line " + malformed.getLineNumber() + ": " + malformed.getMessage());
    }
    Element root = document.getDocumentElement();
    if (!"broker".equals(root.getLocalName()) || !CORE.equals(root.getNamespaceURI())) {
      throw new IllegalArgumentException("the configuration must be a <broker xmlns=\"" + CORE + "\">");
    }
    return document;
  }

  private static DocumentBuilder builder() throws Exception {
    var factory = DocumentBuilderFactory.newInstance();
    factory.setNamespaceAware(true);
    factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
    factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
    var builder = factory.newDocumentBuilder();
    builder.setErrorHandler(new ThrowingErrorHandler());
    return builder;
  }

  private static void refuseReserved(Element broker) {
    for (String name : RESERVED_ELEMENTS) {
      if (broker.getElementsByTagNameNS(CORE, name).getLength() > 0) {
        throw new IllegalArgumentException("Amazon MQ does not permit <" + name + "> in a configuration");
      }
    }
    for (String name : RESERVED_ATTRIBUTES) {
      if (broker.hasAttribute(name)) {
        throw new IllegalArgumentException("Amazon MQ does not permit " + name + " on <broker>");
      }
    }
  }

  /**
   * KahaDB is what a broker uses when its configuration names no store; the data folder is then all that it needs. A
   * configuration on Amazon MQ may tune {@code <kahaDB>} but not place it. Both end up in the same folder, so that a
   * tuned store keeps its messages.
   *
   * <p>No system usage is set: its defaults exceed many disks, but a broker then only warns and takes what there is.
   */
  private static void addStore(Element broker, Path data) {
    broker.setAttribute("brokerName", BROKER_NAME);
    broker.setAttribute("dataDirectory", data.toString());
    if (broker.getElementsByTagNameNS(CORE, "kahaDB").item(0) instanceof Element kahaDb) {
      kahaDb.setAttribute("directory", data.resolve(BROKER_NAME).resolve("KahaDB").toString());
    }
  }

  /** Who somebody is comes before what they may do, so authentication stands before every other plugin. */
  private static void addUsers(Element broker, List<Specification.User> users) {
    Element authentication = element(broker, "simpleAuthenticationPlugin");
    authentication.setAttribute("anonymousAccessAllowed", "false");
    Element list = append(authentication, "users");
    for (var user : users) {
      Element entry = append(list, "authenticationUser");
      entry.setAttribute("username", user.username());
      entry.setAttribute("password", literal(user.password()));
      entry.setAttribute("groups", String.join(",", user.groups()));
    }
    Element plugins = child(broker, "plugins");
    plugins.insertBefore(authentication, plugins.getFirstChild());
  }

  /**
   * Spring takes what stands in <code>#{…}</code> for an expression, which may be the value as a text. XBean takes a value
   * that starts with a hash sign for another bean's name, and two of them for one that is meant.
   */
  private static String literal(String value) {
    String text = value.contains("#{") ? "#{'" + value.replace("'", "''") + "'}" : value;
    return text.startsWith("#") ? "#" + text : text;
  }

  private static void addTls(Element broker, KeyStore keyStore) {
    Element context = append(append(broker, "sslContext"), "sslContext");
    context.setAttribute("keyStore", keyStore.file().toString());
    context.setAttribute("keyStorePassword", keyStore.password());
    context.setAttribute("keyStoreType", "pkcs12");
  }

  /**
   * The two protocols that Expedite uses, on the loopback address only. No option is set on them, as none can be set on
   * Amazon MQ: the AMQP transformer stays {@code native}, which decides what the mapping's client gets to read.
   */
  private static void addConnectors(Element broker, Surroundings surroundings) {
    boolean tls = surroundings.keyStore().isPresent();
    Element connectors = append(broker, "transportConnectors");
    addConnector(connectors, "amqp", tls ? "amqp+ssl" : "amqp", surroundings.amqpPort());
    addConnector(connectors, "openwire", tls ? "ssl" : "tcp", surroundings.openWirePort());
  }

  private static void addConnector(Element connectors, String name, String scheme, int port) {
    Element connector = append(connectors, "transportConnector");
    connector.setAttribute("name", name);
    connector.setAttribute("uri", scheme + "://127.0.0.1:" + port);
  }

  /** The schema location makes ActiveMQ check the configuration against its schema, which it brings along. */
  private static void wrapInBeans(Document document) {
    Element broker = document.getDocumentElement();
    Element beans = document.createElementNS(BEANS, "beans");
    beans.setAttributeNS(
        XMLConstants.W3C_XML_SCHEMA_INSTANCE_NS_URI,
        "xsi:schemaLocation",
        BEANS + " " + BEANS + "/spring-beans.xsd " + CORE + " " + CORE + "/activemq-core.xsd");
    document.replaceChild(beans, broker);
    beans.appendChild(broker);
  }

  private static Element child(Element parent, String name) {
    for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
      if (node instanceof Element element && name.equals(element.getLocalName())) {
        return element;
      }
    }
    return append(parent, name);
  }

  private static Element append(Element parent, String name) {
    Element element = element(parent, name);
    parent.appendChild(element);
    return element;
  }

  private static Element element(Node near, String name) {
    return near.getOwnerDocument().createElementNS(CORE, name);
  }

  /** The parser's own handler writes to standard error and goes on. */
  private static final class ThrowingErrorHandler implements ErrorHandler {
    @Override
    public void warning(SAXParseException exception) throws SAXException {
      throw exception;
    }

    @Override
    public void error(SAXParseException exception) throws SAXException {
      throw exception;
    }

    @Override
    public void fatalError(SAXParseException exception) throws SAXException {
      throw exception;
    }
  }
}
