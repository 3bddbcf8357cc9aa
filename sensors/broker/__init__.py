"""The one place that speaks MQTT: connect, subscribe, hand over, acknowledge, publish."""

from sensors.broker.delivery import Delivery
from sensors.broker.observer import BrokerHealth, BrokerObserver
from sensors.broker.plan import BackOff, client_id
from sensors.broker.publisher import Publisher, Receipt
from sensors.broker.subscriber import Subscriber, SubscriberFigures

__all__ = [
    "BackOff",
    "BrokerHealth",
    "BrokerObserver",
    "Delivery",
    "Publisher",
    "Receipt",
    "Subscriber",
    "SubscriberFigures",
    "client_id",
]
