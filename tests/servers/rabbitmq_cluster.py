"""Three nodes of RabbitMQ in one cluster on loopback, each with its own name, ports and data, to be broken one by one."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from demo.engines.private import NotInstalledError, private_folder, unprivileged
from demo.engines.rabbitmq import NameDaemon, Node
from tests.servers.missing import missing

SIZE = 3


class Cluster:
    """Nodes that know each other. A node with no data of its own joins those that run."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        discovery = [
            f"cluster_formation.classic_config.nodes.{n} = {one.name}" for n, one in enumerate(nodes, 1)
        ]
        for node in nodes:
            with node.configuration.open("a") as settings:
                settings.write("cluster_formation.peer_discovery_backend = classic_config\n")
                settings.write("cluster_partition_handling = pause_minority\n")
                settings.write("\n".join([*discovery, ""]))

    @property
    def url(self) -> str:
        """All addresses, as the hub takes them."""
        return ";".join(node.url for node in self.nodes)

    def start(self) -> None:
        """Return when every node speaks AMQP and all are one cluster."""
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait()
            node.ctl("await_online_nodes", str(len(self.nodes)))

    def leader_of(self, queue: str) -> Node:
        """The node that leads a quorum queue."""
        rows = self.nodes[0].ctl("list_queues", "--no-table-headers", "name", "leader").splitlines()
        leaders = dict(row.split("\t") for row in rows if "\t" in row)
        return next(node for node in self.nodes if node.name == leaders[queue])

    def wipe(self) -> None:
        """A power cut everywhere, and nothing of the data comes back."""
        for node in self.nodes:
            node.stop(signal.SIGKILL)
        for node in self.nodes:
            node.wipe()

    def stop(self) -> None:
        """End all nodes."""
        for node in self.nodes:
            node.stop(signal.SIGKILL)


@contextmanager
def prepared() -> Iterator[Cluster]:
    """A cluster of one's own, not started yet, gone afterwards."""
    account = unprivileged("rabbitmq")
    with private_folder(account, "wegwijzer-cluster-") as home:
        names = NameDaemon(account, home)
        try:
            cluster = Cluster([_node(account, home, names, number) for number in range(SIZE)])
        except NotInstalledError as error:
            names.stop()
            missing(str(error))
        try:
            yield cluster
        finally:
            cluster.stop()
            names.stop()


def _node(account, home, names, number) -> Node:
    folder = home / f"node{number}"
    folder.mkdir()
    account.give(folder)
    return Node(account, home, names, folder=folder)
