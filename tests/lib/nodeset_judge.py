"""What nodeset says of lines of JSON, ["expand", PATTERN] or ["fold", [NAME...]]: run by the python that has ClusterShell."""
import json
import sys

from ClusterShell.NodeSet import NodeSet

for line in sys.stdin:
    what, of = json.loads(line)
    print(json.dumps(list(NodeSet(of)) if what == "expand" else str(NodeSet.fromlist(of))))
