"""CloudWatch alarms in CloudFormation."""

from ministack.services.cloudformation import provisioners

from emulator.gaps import gap

#: What an alarm on metric math does not have, and MiniStack asks for.
_OF_ONE_METRIC = {"Namespace": "-", "MetricName": "-", "Period": 60}


@gap("metric-math-alarm")
def keep_alarms_on_metric_math() -> None:
    """1.5.33: refuses an alarm on an expression over metrics. It is kept, and never goes off: nothing computes it."""
    record_of = provisioners._cw_metric_alarm_record

    def record_with_metrics(name, props):
        metrics = props.get("Metrics")
        if not metrics:
            return record_of(name, props)
        alarm = record_of(name, {key: props[key] for key in props if key != "Metrics"} | _OF_ONE_METRIC)
        for key in (*_OF_ONE_METRIC, "Statistic", "ExtendedStatistic", "Dimensions", "Unit"):
            del alarm[key]
        return alarm | {"Metrics": metrics}

    provisioners._cw_metric_alarm_record = record_with_metrics
