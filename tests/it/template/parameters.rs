//! Whoever deploys finds every parameter in its group, with a word on what it is for.

use super::{Template, check, texts};

fn presented(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    let groups = &template.tree["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
    let grouped: Vec<_> =
        groups.as_array().into_iter().flatten().flat_map(|group| texts(&group["Parameters"])).collect();
    for (name, parameter) in template.tree["Parameters"].as_object().into_iter().flatten() {
        let times = grouped.iter().filter(|grouped| *grouped == name).count();
        if times != 1 {
            broken.push(format!("{name} stands in {times} groups"));
        }
        if parameter["Description"].as_str().is_none_or(str::is_empty) {
            broken.push(format!("nobody says what {name} is"));
        }
        if parameter["Default"].is_null() {
            broken.push(format!("{name} has no default"));
        }
    }
    for name in grouped {
        if template.tree["Parameters"][name].is_null() {
            broken.push(format!("{name} is no parameter"));
        }
    }
    broken
}

#[test]
fn every_parameter_is_presented() {
    check(
        presented,
        &[
            ("VpcId, SubnetIds]", "VpcId]", "SubnetIds stands in 0 groups"),
            ("VpcId, SubnetIds]", "VpcId, SubnetIds, Subnets]", "Subnets is no parameter"),
            ("    Default: mq.m5.large\n", "", "BrokerInstanceType has no default"),
            (
                "    Description: Addresses of the stack's own VPC; two subnets of 128 are taken from it.\n",
                "",
                "nobody says what VpcCidr is",
            ),
        ],
    );
}
