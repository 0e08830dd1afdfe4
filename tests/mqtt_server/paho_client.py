"""Talks to the broker with the client of Eclipse Paho. Arguments: the port, and the port for WebSocket."""

import queue
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

PATIENCE = 30


class Client:
    def __init__(self, name, port, version=mqtt.MQTTv5, transport="tcp", clean=True, expiry=0):
        # Version 2 of the library asks which form of callbacks is meant.
        old = [mqtt.CallbackAPIVersion.VERSION1] if hasattr(mqtt, "CallbackAPIVersion") else []
        more = {} if version == mqtt.MQTTv5 else {"clean_session": clean}
        self.client = mqtt.Client(*old, client_id=name, protocol=version, transport=transport, **more)
        self.messages, self.answers, self.connected = queue.Queue(), queue.Queue(), queue.Queue()
        self.client.on_message = lambda client, data, message: self.messages.put(message)
        self.client.on_subscribe = lambda client, data, mid, *rest: self.answers.put(rest)
        self.client.on_connect = lambda client, data, flags, *rest: self.connected.put(flags)
        if version == mqtt.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = expiry
            self.client.connect("127.0.0.1", port, clean_start=clean, properties=properties)
        else:
            self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.flags = self.connected.get(timeout=PATIENCE)

    def subscribe(self, *arguments, **named):
        self.client.subscribe(*arguments, **named)
        return self.answers.get(timeout=PATIENCE)

    def publish(self, *arguments, **named):
        self.client.publish(*arguments, **named).wait_for_publish(PATIENCE)

    def next(self):
        return self.messages.get(timeout=PATIENCE)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def properties_are_carried(port):
    reader, writer = Client("reader", port), Client("writer", port)
    options = SubscribeOptions(qos=2, retainAsPublished=True)
    about = Properties(PacketTypes.SUBSCRIBE)
    about.SubscriptionIdentifier = 300
    reader.subscribe("p/#", options=options, properties=about)
    sent = Properties(PacketTypes.PUBLISH)
    sent.UserProperty = [("a", "1"), ("a", "2")]
    sent.ContentType = "text"
    sent.ResponseTopic = "answers"
    sent.CorrelationData = b"\x00\xff"
    sent.MessageExpiryInterval = 100
    writer.publish("p/1", b"x", qos=2, retain=True, properties=sent)
    got = reader.next()
    assert (got.topic, got.payload, got.qos, got.retain) == ("p/1", b"x", 2, True), vars(got)
    assert got.properties.UserProperty == [("a", "1"), ("a", "2")]
    assert (got.properties.ContentType, got.properties.ResponseTopic) == ("text", "answers")
    assert got.properties.CorrelationData == b"\x00\xff"
    assert 0 < got.properties.MessageExpiryInterval <= 100
    assert got.properties.SubscriptionIdentifier == [300]
    reader.close()
    writer.close()


def sessions_are_kept(port, version):
    name = f"kept-{version}"
    first = Client(name, port, version, clean=False, expiry=1000)
    first.subscribe(f"k/{version}", qos=1)
    first.close()
    writer = Client("writer", port, version)
    for number in range(100):
        writer.publish(f"k/{version}", str(number), qos=1 + number % 2)
    writer.close()
    second = Client(name, port, version, clean=False, expiry=1000)
    assert second.flags["session present"] == 1
    assert [int(second.next().payload) for _ in range(100)] == list(range(100))
    second.close()


def large_messages_and_websocket(port, websocket):
    reader = Client("reader", websocket, transport="websockets")
    writer = Client("writer", port, mqtt.MQTTv311)
    reader.subscribe("large", qos=1)
    large = bytes(range(256)) * 3000
    for _ in range(5):
        writer.publish("large", large, qos=1)
    for _ in range(5):
        assert reader.next().payload == large
    reader.close()
    writer.close()


def many_at_once(port):
    reader = Client("reader", port)
    reader.subscribe("m/#", qos=2)

    def write(name):
        writer = Client(name, port, mqtt.MQTTv311)
        for number in range(200):
            writer.publish(f"m/{name}", str(number), qos=number % 3)
        writer.close()

    threads = [threading.Thread(target=write, args=[f"w{n}"]) for n in range(5)]
    for thread in threads:
        thread.start()
    by_topic = {}
    for _ in range(1000):
        got = reader.next()
        by_topic.setdefault(got.topic, []).append(int(got.payload))
    for thread in threads:
        thread.join()
    assert all(sorted(numbers) == list(range(200)) for numbers in by_topic.values())
    reader.close()


def refused_filters_are_answered(port):
    client = Client("c", port)
    codes = client.subscribe([("a/" * 50, SubscribeOptions(qos=1)), ("ok", SubscribeOptions(qos=1))])[0]
    assert [code.value for code in codes] == [0x8F, 1], codes
    client.close()


def main():
    port, websocket = int(sys.argv[1]), int(sys.argv[2])
    properties_are_carried(port)
    for version in (mqtt.MQTTv31, mqtt.MQTTv311, mqtt.MQTTv5):
        sessions_are_kept(port, version)
    large_messages_and_websocket(port, websocket)
    many_at_once(port)
    refused_filters_are_answered(port)
    print("all is well")


main()
