"""The embedded PostgreSQL and MQTT broker: start, stop, where their data lies.

``twin.embedded.cluster.Cluster`` and ``twin.embedded.broker.EmbeddedBroker`` are the two entrances;
the other modules are their parts. Nothing is started by an import.
"""
