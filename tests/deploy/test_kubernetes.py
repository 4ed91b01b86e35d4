"""The manifests, against the schemas of Kubernetes, and against what Hubbub expects of a cluster."""

from collections.abc import Iterator
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]

from deploy.proxies import DEPLOY
from deploy.shipped import drain, expect_settings

FOLDER = DEPLOY / "kubernetes"
OLDEST = "1.33"
"""The oldest Kubernetes that the manifests are for."""

Manifest = dict[str, Any]


def manifests() -> Iterator[tuple[str, Manifest]]:
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.name != "kustomization.yaml":
            for manifest in yaml.safe_load_all(path.read_text()):
                yield path.name, manifest


ALL = list(manifests())


def one(kind: str, name: str = "hubbub") -> Manifest:
    """Give the manifest of a kind and a name."""
    [found] = [one for _, one in ALL if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def pods() -> list[Manifest]:
    """Give all templates of pods."""
    return [one["spec"]["template"]["spec"] for _, one in ALL if "template" in one.get("spec", {})]


SETTINGS = {**one("Secret")["stringData"], **one("ConfigMap")["data"]}
POD = one("Deployment")["spec"]["template"]["spec"]
[NODE] = POD["containers"]


@pytest.mark.parametrize("version", [OLDEST, "1.37"])
@pytest.mark.parametrize(("file", "manifest"), ALL, ids=lambda part: part if isinstance(part, str) else part["kind"])
def test_each_is_one(file: str, manifest: Manifest, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_all_files_are_applied_but_the_example() -> None:
    told = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
    assert sorted(told["resources"]) == sorted(files)
    assert told["namespace"] == one("Namespace")["metadata"]["name"] == one("Secret")["metadata"]["namespace"]
    assert {image["name"] for image in told["images"]} == {NODE["image"]}


def test_each_setting_is_one() -> None:
    expect_settings({**SETTINGS, "HUBBUB_METRICS_TOKEN": "long enough"})


def test_a_node_has_the_time_to_say_goodbye() -> None:
    assert POD["terminationGracePeriodSeconds"] > drain(SETTINGS) + 5
    assert "lifecycle" not in NODE, "drain_delay does what a preStop would"


def test_a_node_that_leaves_is_known_to_before_it_stops_to_listen() -> None:
    ready = NODE["readinessProbe"]
    noticed = ready["periodSeconds"] * ready["failureThreshold"] + ready["timeoutSeconds"]
    assert float(SETTINGS["HUBBUB_DRAIN_DELAY"]) > noticed + 5, "and proxies need a while to hear of it"


def test_a_node_that_drains_is_not_killed_for_it() -> None:
    alive = NODE["livenessProbe"]
    assert alive["periodSeconds"] * alive["failureThreshold"] > drain(SETTINGS)


def test_nodes_are_replaced_one_by_one() -> None:
    strategy = one("Deployment")["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert one("HorizontalPodAutoscaler")["spec"]["minReplicas"] >= 2


def test_probes_ask_what_there_is() -> None:
    ports = {port["name"]: port["containerPort"] for port in NODE["ports"]}
    paths = {"startupProbe": "/health/live", "readinessProbe": "/health/ready", "livenessProbe": "/health/live"}
    for probe, path in paths.items():
        asked = NODE[probe]["httpGet"]
        assert asked["path"] == path
        assert ports[asked["port"]] == int(SETTINGS["HUBBUB_PORT"])


def test_each_service_and_each_rule_finds_its_pods() -> None:
    labels = [one["spec"]["template"]["metadata"]["labels"] for _, one in ALL if "template" in one.get("spec", {})]
    selectors = [one["spec"]["selector"] for _, one in ALL if one["kind"] == "Service"]
    selectors += [one(kind)["spec"]["selector"]["matchLabels"] for kind in ("PodDisruptionBudget", "Deployment")]
    for selector in selectors:
        assert any(selector.items() <= label.items() for label in labels), selector
    nodes = one("Deployment")["spec"]["selector"]["matchLabels"]
    migrating = one("Job", "hubbub-migrate")["spec"]["template"]["metadata"]["labels"]
    assert not nodes.items() <= migrating.items(), "requests would be sent to a migration"


def test_the_ingress_leads_to_services_that_are_there() -> None:
    ports = {
        one["metadata"]["name"]: {port["name"] for port in one["spec"]["ports"]}
        for _, one in ALL
        if one["kind"] == "Service"
    }
    [rule] = one("Ingress")["spec"]["rules"]
    for path in rule["http"]["paths"]:
        service = path["backend"]["service"]
        assert service["port"]["name"] in ports[service["name"]]


@pytest.mark.parametrize(
    ("service", "path", "named"),
    [
        ("hubbub-pusherjs", "/pusher/app/KEY/123/abcdef/xhr_send", "/pusher/app/KEY/123/abcdef"),
        ("hubbub-sockjs", "/pusher/123/abcdef/xhr_send", "/pusher/123/abcdef"),
    ],
)
def test_a_session_is_named_by_as_much_of_the_path(service: str, path: str, named: str) -> None:
    # HAProxy counts a level for each slash, the first included.
    told = one("Service", service)["metadata"]["annotations"]["haproxy.org/load-balance"]
    *rule, depth = told.split()
    assert rule == ["uri", "path-only", "depth"]
    assert "/".join(path.split("/")[: int(depth) + 1]) == named


def test_no_pod_may_do_what_it_need_not() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]


def test_the_variables_of_a_service_called_hubbub_are_not_taken_for_settings() -> None:
    assert POD["enableServiceLinks"] is False
    assert one("Job", "hubbub-migrate")["spec"]["template"]["spec"]["enableServiceLinks"] is False


def test_no_secret_is_applied_with_a_value() -> None:
    for file, manifest in ALL:
        if manifest["kind"] == "Secret":
            assert file == "secret.example.yaml"
    for pod in pods():
        for container in pod["containers"]:
            assert [one for one in container.get("env", []) if "PASSWORD" in one["name"] and "value" in one] == []


def test_what_a_pod_takes_from_a_secret_is_in_the_example() -> None:
    for pod in pods():
        for container in pod["containers"]:
            for variable in container.get("env", []):
                if "valueFrom" in variable:
                    asked = variable["valueFrom"]["secretKeyRef"]
                    assert asked["key"] in one("Secret", asked["name"])["stringData"]
