//! The network is closed but for what the system says to itself, and can be taken down again.

use super::{Template, alternatives, check, resources_named_in, target, texts};
use serde_json::Value;
use std::collections::BTreeSet;

/// A way between two ends, on one port: groups by their names in the template, and what lies outside by its address.
type Flow = (String, String, u64);

/// Where a rule leads to or comes from.
fn peer(rule: &Value) -> Option<String> {
    let group = ["DestinationSecurityGroupId", "SourceSecurityGroupId"];
    let group = group.iter().find_map(|name| target(&rule[*name])).map(str::to_owned);
    let list = target(&rule["DestinationPrefixListId"]).map(str::to_owned);
    group.or(list).or_else(|| rule["CidrIp"].as_str().map(str::to_owned))
}

/// All rules in one direction, inline ones and those that are resources of their own, each with its group.
fn rules<'a>(template: &'a Template, direction: &str) -> Vec<(&'a str, &'a Value)> {
    let mut found = Vec::new();
    for (name, group) in template.resources("AWS::EC2::SecurityGroup") {
        let inline = &group["Properties"][format!("SecurityGroup{direction}")];
        found.extend(alternatives(inline).into_iter().map(|rule| (name, rule)));
    }
    for (_, rule) in template.resources(&format!("AWS::EC2::SecurityGroup{direction}")) {
        found.push((target(&rule["Properties"]["GroupId"]).unwrap_or_default(), &rule["Properties"]));
    }
    found
}

/// Each rule is for one port of TCP, and says so where it is one for many: then it is no flow.
fn flow(group: &str, direction: &str, rule: &Value) -> Result<Flow, String> {
    let unnamed = || format!("{group} has a rule without a port, or without an end: {rule}");
    let port = rule["FromPort"].as_u64().filter(|port| rule["ToPort"].as_u64() == Some(*port));
    let (port, peer) = port.zip(peer(rule)).ok_or_else(unnamed)?;
    if rule["IpProtocol"] != "tcp" {
        return Err(unnamed());
    }
    let group = group.to_owned();
    Ok(if direction == "Ingress" { (peer, group, port) } else { (group, peer, port) })
}

fn closed(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    let mut flows = |direction: &str| -> BTreeSet<Flow> {
        let all = rules(template, direction);
        let (good, bad): (Vec<_>, Vec<_>) =
            all.into_iter().map(|(group, rule)| flow(group, direction, rule)).partition(Result::is_ok);
        broken.extend(bad.into_iter().filter_map(Result::err));
        good.into_iter().filter_map(Result::ok).collect()
    };
    let (incoming, outgoing) = (flows("Ingress"), flows("Egress"));
    for (group, rule) in ["Ingress", "Egress"].iter().flat_map(|direction| rules(template, direction)) {
        if rule["Description"].as_str().is_none_or(str::is_empty) {
            broken.push(format!("{group} has a rule and nobody says what for"));
        }
    }
    let groups: BTreeSet<_> =
        template.resources("AWS::EC2::SecurityGroup").into_iter().map(|(name, _)| name).collect();
    for (from, to, port) in &incoming {
        if !groups.contains(from.as_str()) {
            broken.push(format!("{to} lets {from} in on {port}"));
        } else if !outgoing.contains(&(from.clone(), to.clone(), *port)) {
            broken.push(format!("{to} lets {from} in on {port}, which can't get out"));
        }
    }
    for (from, to, port) in &outgoing {
        let known = incoming.contains(&(from.clone(), to.clone(), *port));
        // DynamoDB's addresses; what an existing network leads to; and a group that nothing goes out of.
        let outside = [("DynamoDbPrefixListId", 443), ("0.0.0.0/0", 443), ("127.0.0.1/32", 443)];
        if !known && !outside.contains(&(to.as_str(), *port)) {
            broken.push(format!("{from} may go to {to} on {port}, where nobody lets it in"));
        }
    }
    for (name, group) in template.resources("AWS::EC2::SecurityGroup") {
        if alternatives(&group["Properties"]["SecurityGroupEgress"]).is_empty() {
            broken.push(format!("{name} may go everywhere"));
        }
        // With a network of its own the first alternative holds.
        for rule in group["Properties"]["SecurityGroupEgress"].as_array().into_iter().flatten() {
            let own = if rule["Fn::If"][0] == "OwnNetwork" { &rule["Fn::If"][1] } else { rule };
            if own["CidrIp"] == "0.0.0.0/0" {
                broken.push(format!("{name} may go everywhere on 443"));
            }
        }
    }
    broken
}

#[test]
fn every_way_in_the_network_has_its_port() {
    let described = "      Description: AMQP from ingest and relay\n";
    let loopback = "          CidrIp: 127.0.0.1/32\n";
    check(
        closed,
        &[
            (
                "      FromPort: 61617\n      ToPort: 61617\n      SourceS",
                "      FromPort: 0\n      ToPort: 65535\n      SourceS",
                "without a port",
            ),
            (
                "IpProtocol: tcp\n      FromPort: 5671",
                "IpProtocol: '-1'\n      FromPort: 5671",
                "without a port",
            ),
            (
                "      SourceSecurityGroupId: !GetAtt SenderGroup.GroupId\n",
                "      CidrIp: 0.0.0.0/0\n",
                "BrokerGroup lets 0.0.0.0/0 in on 5671",
            ),
            (
                "          FromPort: 5671\n          ToPort: 5671\n",
                "          FromPort: 5672\n          ToPort: 5672\n",
                "BrokerGroup lets SenderGroup in on 5671, which can't get out",
            ),
            (
                "      ToPort: 443\n      SourceSecurityGroupId: !GetAtt BrokerGroup.GroupId\n",
                "      ToPort: 443\n      SourceSecurityGroupId: !GetAtt EndpointGroup.GroupId\n",
                "BrokerGroup may go to EndpointGroup on 443, where nobody",
            ),
            (described, "", "BrokerGroup has a rule and nobody says what for"),
            (loopback, "          CidrIp: 0.0.0.0/0\n", "EndpointGroup may go everywhere on 443"),
            (
                "      SecurityGroupEgress:\n        - Description: Nothing goes out.",
                "      Other:\n        - Description: Nothing goes out.",
                "EndpointGroup may go everywhere",
            ),
        ],
    );
}

/// What would lead out of the network, or into it.
const DOORS: [&str; 8] = [
    "AWS::EC2::EgressOnlyInternetGateway",
    "AWS::EC2::EIP",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::NatGateway",
    "AWS::EC2::Route",
    "AWS::EC2::TransitGatewayAttachment",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::EC2::VPCPeeringConnection",
];

fn private(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, resource) in template.tree["Resources"].as_object().into_iter().flatten() {
        if DOORS.iter().any(|door| resource["Type"] == *door) {
            broken.push(format!("{name} leads out"));
        }
    }
    let routed: Vec<_> = template
        .resources("AWS::EC2::SubnetRouteTableAssociation")
        .into_iter()
        .filter_map(|(_, it)| target(&it["Properties"]["SubnetId"]))
        .collect();
    for (name, subnet) in template.resources("AWS::EC2::Subnet") {
        if subnet["Properties"]["MapPublicIpOnLaunch"] != false {
            broken.push(format!("{name} gives public addresses"));
        }
        if !routed.contains(&name) {
            broken.push(format!("{name} has the VPC's own routes"));
        }
    }
    for (name, _) in template.resources("AWS::EC2::VPC") {
        let logs = template.resources("AWS::EC2::FlowLog");
        let logged = logs.iter().any(|(_, log)| {
            target(&log["Properties"]["ResourceId"]) == Some(name)
                && log["Properties"]["TrafficType"] == "ALL"
        });
        if !logged {
            broken.push(format!("nobody writes down what happens in {name}"));
        }
    }
    broken
}

#[test]
fn there_is_no_way_to_the_internet() {
    check(
        private,
        &[
            (
                "  RouteTable:\n",
                "  Door: {Type: AWS::EC2::InternetGateway}\n  RouteTable:\n",
                "Door leads out",
            ),
            ("MapPublicIpOnLaunch: false", "MapPublicIpOnLaunch: true", "SubnetA gives public addresses"),
            ("{SubnetId: !Ref SubnetB,", "{SubnetId: !Ref SubnetA,", "SubnetB has the VPC's own routes"),
            ("TrafficType: ALL", "TrafficType: REJECT", "nobody writes down"),
        ],
    );
}

/// The statement of an endpoint for this service, if it has exactly one.
fn endpoint<'a>(template: &'a Template, service: &str) -> Option<&'a Value> {
    let all = template.resources("AWS::EC2::VPCEndpoint");
    let mut of_it = all.into_iter().filter(|(_, it)| {
        let name = it["Properties"]["ServiceName"]["Fn::Sub"].as_str().unwrap_or_default();
        name.ends_with(&format!(".{service}"))
    });
    let (_, endpoint) = of_it.next()?;
    match endpoint["Properties"]["PolicyDocument"]["Statement"].as_array()?.as_slice() {
        [statement] => Some(statement),
        _ => None,
    }
}

/// The names in the template of what a statement is for.
fn resources_of(statement: &Value) -> BTreeSet<String> {
    resources_named_in(&statement["Resource"])
}

/// The senders' own statements about a service.
fn senders_statements<'a>(template: &'a Template, service: &str) -> Vec<&'a Value> {
    let functions = template.resources("AWS::Serverless::Function").into_iter();
    let inside = functions.filter(|(_, function)| !function["Properties"]["VpcConfig"].is_null());
    let policies = inside.flat_map(|(_, it)| it["Properties"]["Policies"].as_array().into_iter().flatten());
    let statements = policies.flat_map(|policy| policy["Statement"].as_array().into_iter().flatten());
    // Lambda reads streams and reports failed batches from outside, with the function's role.
    let outside = ["ReadStream", "ReportFailedBatches"].map(Value::from);
    let of_service = |it: &&Value| texts(&it["Action"]).iter().any(|action| action.starts_with(service));
    statements.filter(of_service).filter(|it| !outside.contains(&it["Sid"])).collect()
}

fn endpoints(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, endpoint) in template.resources("AWS::EC2::VPCEndpoint") {
        let properties = &endpoint["Properties"];
        let statements = properties["PolicyDocument"]["Statement"].as_array();
        if statements.is_none_or(Vec::is_empty) {
            broken.push(format!("{name} has no policy: everything may leave by it"));
        }
        let interface = properties["VpcEndpointType"] == "Interface";
        let own_group = properties["SecurityGroupIds"].as_array().is_some_and(|groups| {
            !groups.is_empty() && groups.iter().all(|group| target(group) == Some("EndpointGroup"))
        });
        if interface && !(own_group && properties["PrivateDnsEnabled"] == true) {
            broken.push(format!("{name} is not the endpoint that the SDKs find, or is open"));
        }
    }
    // Each service that is called from inside, and what for.
    let mappings = template.resources("AWS::Lambda::EventSourceMapping");
    let of_broker =
        mappings.iter().filter(|(_, it)| target(&it["Properties"]["EventSourceArn"]) == Some("Broker"));
    let (mut functions, mut roles, mut secrets) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (_, mapping) in of_broker {
        let function = target(&mapping["Properties"]["FunctionName"]).unwrap_or_default();
        functions.insert(function.to_owned());
        roles.extend(target(&template.resource(function)["Properties"]["Role"]).map(str::to_owned));
        secrets.extend(resources_named_in(&mapping["Properties"]["SourceAccessConfigurations"]));
    }
    let (mut tables, mut table_actions) = (BTreeSet::new(), BTreeSet::new());
    for statement in senders_statements(template, "dynamodb:") {
        tables.extend(resources_of(statement));
        table_actions.extend(texts(&statement["Action"]));
    }
    secrets.extend(senders_statements(template, "secretsmanager:").into_iter().flat_map(resources_of));
    let needed = [
        ("dynamodb", table_actions, tables),
        ("secretsmanager", BTreeSet::from(["secretsmanager:GetSecretValue"]), secrets),
        ("sts", BTreeSet::from(["sts:AssumeRole"]), roles),
        ("lambda", BTreeSet::from(["lambda:InvokeFunction"]), functions),
    ];
    for (service, actions, on) in needed {
        let Some(statement) = endpoint(template, service) else {
            broken.push(format!("{service} has no endpoint with one statement"));
            continue;
        };
        let allowed: BTreeSet<_> = texts(&statement["Action"]).into_iter().collect();
        if allowed != actions {
            broken.push(format!("by {service}'s endpoint go {allowed:?}, needed are {actions:?}"));
        }
        if resources_of(statement) != on {
            broken.push(format!(
                "by {service}'s endpoint one reaches {:?}, not {on:?}",
                resources_of(statement)
            ));
        }
    }
    broken
}

#[test]
fn by_an_endpoint_goes_only_what_is_needed() {
    check(
        endpoints,
        &[
            (
                "      PolicyDocument:\n        Version: '2012-10-17'\n        Statement:\n          - Sid: MappingsRoles",
                "      Other:\n        Version: '2012-10-17'\n        Statement:\n          - Sid: MappingsRoles",
                "StsEndpoint has no policy",
            ),
            ("PrivateDnsEnabled: true", "PrivateDnsEnabled: false", "LambdaEndpoint is not the endpoint"),
            (
                "[!GetAtt EndpointGroup.GroupId]",
                "[!GetAtt BrokerGroup.GroupId]",
                "SecretsEndpoint is not the endpoint",
            ),
            (
                "dynamodb:Query, dynamodb:UpdateItem]\n            Resource: [",
                "dynamodb:Scan]\n            Resource: [",
                "by dynamodb's endpoint go",
            ),
            (
                "              - !If [OwnBroker, !Ref MappingSecret, !Ref MappingSecretArn]\n",
                "",
                "by secretsmanager's endpoint one reaches",
            ),
            (
                "Resource: [!GetAtt ProcessRole.Arn, !GetAtt DeadLetterRole.Arn]",
                "Resource: [!GetAtt ProcessRole.Arn]",
                "by sts's endpoint one reaches",
            ),
            (
                "              - !GetAtt DeadLetterFunction.Arn\n              - !Sub '${DeadLetterFunction.Arn}:*'\n",
                "",
                "by lambda's endpoint one reaches",
            ),
            ("${AWS::Region}.sts'", "${AWS::Region}.ec2'", "sts has no endpoint"),
        ],
    );
}

/// Everything that a resource stands on, by whatever it names and waits for. It is made later, and ends before them.
fn foundations(template: &Template, name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next = vec![name.to_owned()];
    while let Some(name) = next.pop() {
        let resource = template.resource(&name);
        let named = resources_named_in(resource).into_iter();
        let waited_for = texts(&resource["DependsOn"]).into_iter().map(str::to_owned);
        for other in named.chain(waited_for) {
            if !template.resource(&other).is_null() && found.insert(other.clone()) {
                next.push(other);
            }
        }
    }
    found
}

/// Lambda's network interfaces lie in subnets and groups, and are freed with a role: all of that must outlive them.
fn ends_in_order(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    let mut unless_stands_on = |name: &str, needed: &[&str]| {
        let found = foundations(template, name);
        for missing in needed.iter().filter(|needed| !found.contains(**needed)) {
            broken.push(format!("{missing} may end before {name}"));
        }
    };
    for (name, mapping) in template.resources("AWS::Lambda::EventSourceMapping") {
        if target(&mapping["Properties"]["EventSourceArn"]) == Some("Broker") {
            unless_stands_on(name, &["SubnetA", "SubnetB", "BrokerGroup"]);
        }
    }
    for (name, function) in template.resources("AWS::Serverless::Function") {
        if !function["Properties"]["VpcConfig"].is_null() {
            unless_stands_on(name, &["SubnetA", "SubnetB", "SenderGroup"]);
        }
    }
    broken
}

#[test]
fn network_interfaces_are_freed_before_their_network_ends() {
    check(
        ends_in_order,
        &[
            (
                "[!Ref SubnetA, !If [BrokerPair, !Ref SubnetB, !Ref AWS::NoValue]]",
                "[subnet-1]",
                "SubnetA may end before DeadLetterMapping",
            ),
            (
                "SecurityGroups: [!GetAtt BrokerGroup.GroupId]",
                "SecurityGroups: [sg-1]",
                "BrokerGroup may end before ExpressMapping",
            ),
            (
                "SecurityGroupIds: [!GetAtt SenderGroup.GroupId]",
                "SecurityGroupIds: [sg-1]",
                "SenderGroup may end before RelayFunction",
            ),
        ],
    );
}
