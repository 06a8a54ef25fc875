package expedite.broker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.InputSource;

class ConfigurationTest {

  private static final Path DATA = Path.of("/data");

  /** What is tried here must be what is deployed: taken away again, the additions leave the original. */
  @Test
  void addsAndChangesNothingElse() throws Exception {
    Element broker = assemble(Configurations.full(), Configurations.withTls(DATA));

    for (String attribute : List.of("brokerName", "dataDirectory", "useJmx")) {
      broker.removeAttribute(attribute);
    }
    only(broker, "kahaDB").removeAttribute("directory");
    for (String element : List.of("sslContext", "transportConnectors", "simpleAuthenticationPlugin")) {
      Element addition = only(broker, element);
      addition.getParentNode().removeChild(addition);
    }

    assertTrue(parse(Configurations.FULL).isEqualNode(broker));
  }

  @Test
  void listensOnTheLoopbackAddressWithTls() throws Exception {
    Element broker = assemble(Configurations.full(), Configurations.withTls(DATA));

    assertEquals(List.of("amqp+ssl://127.0.0.1:5671", "ssl://127.0.0.1:61617"), uris(broker));
    Element context = only(only(broker, "sslContext"), "sslContext");
    assertEquals("/keys/broker.p12", context.getAttribute("keyStore"));
    assertEquals("key-password", context.getAttribute("keyStorePassword"));
    assertEquals("pkcs12", context.getAttribute("keyStoreType"));
  }

  @Test
  void listensInTheClearWithoutAKeyStore() throws Exception {
    Element broker = assemble(Configurations.full(), Configurations.plain(DATA));

    assertEquals(List.of("amqp://127.0.0.1:0", "tcp://127.0.0.1:0"), uris(broker));
    assertEquals(0, broker.getElementsByTagNameNS(Configuration.CORE, "sslContext").getLength());
  }

  @Test
  void authenticatesBeforeItAuthorizes() throws Exception {
    Element plugins = only(assemble(Configurations.full(), Configurations.plain(DATA)), "plugins");

    List<Element> order = children(plugins);
    assertEquals("simpleAuthenticationPlugin", order.get(0).getLocalName());
    assertEquals("authorizationPlugin", order.get(1).getLocalName());
    assertEquals("false", order.get(0).getAttribute("anonymousAccessAllowed"));
  }

  @Test
  void givesEveryUserItsGroups() throws Exception {
    Element users = only(assemble(Configurations.full(), Configurations.plain(DATA)), "users");

    Element reader = children(users).get(1);
    assertEquals("reader", reader.getAttribute("username"));
    assertEquals("reader-password", reader.getAttribute("password"));
    assertEquals("readers,watchers", reader.getAttribute("groups"));
  }

  @Test
  void completesAnEmptyConfiguration() throws Exception {
    Element broker = assemble(Configurations.of(Configurations.EMPTY), Configurations.plain(DATA));

    assertEquals("simpleAuthenticationPlugin", children(only(broker, "plugins")).get(0).getLocalName());
    assertEquals("/data", broker.getAttribute("dataDirectory"));
    assertFalse(broker.hasAttribute("persistent"));
  }

  /** Without it, tuning the store would start the broker with an empty one. */
  @Test
  void keepsATunedStoreWhereTheDefaultOneIs() throws Exception {
    Element broker = assemble(Configurations.full(), Configurations.plain(DATA));

    Path byDefault = DATA.resolve(broker.getAttribute("brokerName")).resolve("KahaDB");
    assertEquals(byDefault.toString(), only(broker, "kahaDB").getAttribute("directory"));
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "<transportConnectors/>", "<plugins><simpleAuthenticationPlugin/></plugins>", "<sslContext/>", "<managementContext/>",
  })
  void refusesElementsThatAmazonMqDrops(String element) {
    String configuration = "<broker xmlns=\"" + Configuration.CORE + "\">" + element + "</broker>";

    assertRefused(configuration, "does not permit");
  }

  @ParameterizedTest
  @ValueSource(strings = {"brokerName", "dataDirectory", "useJmx", "start"})
  void refusesAttributesThatAmazonMqDrops(String attribute) {
    assertRefused("<broker xmlns=\"" + Configuration.CORE + "\" " + attribute + "=\"x\"/>", attribute);
  }

  @Test
  void saysWhereTheXmlIsBroken() {
    assertRefused("<broker xmlns=\"" + Configuration.CORE + "\">\n<plugins>\n</broker>", "line 3");
  }

  @Test
  void refusesWhatIsNotABroker() {
    assertRefused("<broker/>", Configuration.CORE);
    assertRefused("<beans xmlns=\"" + Configuration.CORE + "\"/>", "<broker");
  }

  @Test
  void refusesADocumentType() {
    assertRefused("<!DOCTYPE broker [<!ENTITY e SYSTEM \"file:///etc/hostname\">]>" + Configurations.EMPTY, "DOCTYPE");
  }

  @Test
  void writesPasswordsForItsOwnerOnly(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("activemq.xml");
    Files.writeString(file, "left from an earlier start");

    Configuration.writePrivately(parse(Configurations.EMPTY).getOwnerDocument(), file);

    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    assertTrue(Files.readString(file).contains("<broker"));
  }

  private static void assertRefused(String configuration, String because) {
    var refused =
        assertThrows(
            IllegalArgumentException.class,
            () -> assemble(Configurations.of(configuration), Configurations.plain(DATA)));
    assertTrue(refused.getMessage().contains(because), refused.getMessage());
  }

  private static Element assemble(Specification specification, Surroundings surroundings) throws Exception {
    Document document = Configuration.assemble(specification, surroundings);
    assertEquals("beans", document.getDocumentElement().getLocalName());
    return only(document.getDocumentElement(), "broker");
  }

  private static Element parse(String xml) throws Exception {
    var factory = DocumentBuilderFactory.newInstance();
    factory.setNamespaceAware(true);
    return factory.newDocumentBuilder().parse(new InputSource(new StringReader(xml))).getDocumentElement();
  }

  private static List<String> uris(Element broker) {
    return children(only(broker, "transportConnectors")).stream().map(each -> each.getAttribute("uri")).toList();
  }

  private static Element only(Element within, String name) {
    return (Element) within.getElementsByTagNameNS(Configuration.CORE, name).item(0);
  }

  private static List<Element> children(Element parent) {
    return IntStream.range(0, parent.getChildNodes().getLength())
        .<Node>mapToObj(parent.getChildNodes()::item)
        .filter(Element.class::isInstance)
        .map(Element.class::cast)
        .toList();
  }
}
