"""Every kind of bag is read, and a broken one as far as it goes."""

import io
import shutil
import sqlite3

import pytest
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer
from rosbags.rosbag1 import Writer as Writer1
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from vlm_robot.replay.bag import Bag, BagError

TOPICS = {
    "/tf_static": 1, "/tf": 10, "/front/image_raw": 10, "/front/depth/image_raw": 10,
    "/front/camera_info": 10, "/left/image_raw/compressed": 10, "/map": 1, "/candidate_paths": 1,
}  # fmt: skip
ALL = 53


def counts(bag):
    return {name: topic.messages for name, topic in bag.topics.items()}


def read(bag):
    return list(bag.messages(list(bag.topics)))


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"storage": "mcap"}, id="mcap"),
        pytest.param({"storage": "sqlite3"}, id="sqlite3"),
        pytest.param({"storage": "mcap", "compression": "storage"}, id="mcap, zstd chunks"),
        pytest.param({"storage": "mcap", "compression": "file"}, id="mcap, zstd file"),
        pytest.param({"storage": "sqlite3", "compression": "file"}, id="sqlite3, zstd file"),
        pytest.param({"storage": "sqlite3", "compression": "message"}, id="sqlite3, zstd messages"),
    ],
)
def test_every_storage_is_read(tmp_path, bags, how):
    path = bags.write(tmp_path / "bag", bags.entries(), **how)
    with Bag(path) as bag:
        assert counts(bag) == TOPICS
        messages = read(bag)
        assert [m.log_time for m in messages] == sorted(e[1] for e in bags.entries())
        image = bag.decode(next(m for m in messages if m.topic == "/front/image_raw"))
        assert (image.width, image.encoding) == (64, "rgb8")
        assert bag.warnings == []


def with_lz4(path):
    """Write the bag's file again, its chunks packed by lz4 as `ros2 bag record` can do."""
    file = next(path.glob("*.mcap"))
    packed = io.BytesIO()
    writer = Writer(packed, compression=CompressionType.LZ4, chunk_size=20_000)
    writer.start(profile="ros2")
    schemas, channels = {}, {}
    with file.open("rb") as stream:
        for schema, channel, message in make_reader(stream).iter_messages():
            if channel.id not in channels:
                schemas[schema.id] = writer.register_schema(
                    schema.name, schema.encoding, schema.data
                )
                channels[channel.id] = writer.register_channel(
                    channel.topic, channel.message_encoding, schemas[schema.id]
                )
            writer.add_message(
                channels[channel.id], message.log_time, message.data, message.publish_time
            )
    writer.finish()
    file.write_bytes(packed.getvalue())
    return path


def test_chunks_packed_by_lz4_are_read(tmp_path, bags):
    path = with_lz4(bags.write(tmp_path / "bag", bags.entries()))
    with Bag(path) as bag:
        assert counts(bag) == TOPICS
        assert {m.topic: bytes(m.data) for m in read(bag)} == last_messages(bags, tmp_path)


def last_messages(bags, tmp_path):
    with Bag(bags.write(tmp_path / "plain", bags.entries())) as bag:
        return {m.topic: bytes(m.data) for m in read(bag)}


@pytest.mark.parametrize("kind", ["LZ4", "BZ2"])
def test_a_packed_ros1_bag_is_read(tmp_path, bags, kind):
    path = bags.write_ros1(
        tmp_path / "old.bag", bags.entries(ros1=True), compression=Writer1.CompressionFormat[kind]
    )
    with Bag(path) as bag:
        assert len(read(bag)) == 51


def test_the_file_alone_is_a_bag_too(whole_bag):
    for path in whole_bag.glob("*.mcap"):
        with Bag(path) as bag:
            assert counts(bag) == TOPICS


def test_a_split_bag_is_read_as_one(tmp_path, bags):
    content = bags.entries()
    first = bags.write(tmp_path / "first", content[:20])
    bags.write(tmp_path / "second", content[20:])
    (first / "metadata.yaml").unlink()
    shutil.move(tmp_path / "second" / "second.mcap", first / "zz.mcap")
    with Bag(first) as bag:
        assert counts(bag) == TOPICS
        times = [m.log_time for m in read(bag)]
        assert times == sorted(times)
        assert len(times) == ALL


def test_ros1_is_read_under_the_same_type_names(tmp_path, bags):
    path = bags.write_ros1(tmp_path / "old.bag", bags.entries(ros1=True))
    with Bag(path) as bag:
        assert bag.topics["/front/image_raw"].msgtype == "sensor_msgs/msg/Image"
        infos = [bag.decode(m) for m in bag.messages(["/front/camera_info"])]
        assert len(infos) == 10
        assert infos[0].K[0] == 60.0


def test_a_path_may_have_spaces_and_letters_of_any_script(tmp_path, bags):
    for storage in ("mcap", "sqlite3"):
        path = bags.write(tmp_path / f"мой робот 机器人 {storage}", bags.entries(), storage=storage)
        with Bag(path) as bag:
            assert len(read(bag)) == ALL


def test_only_what_was_recorded_between_two_times_is_read(whole_bag, bags):
    start = bags.START + 3 * bags.SECOND // 10
    with Bag(whole_bag) as bag:
        messages = list(bag.messages(["/front/image_raw"], start, start + bags.SECOND // 10))
    assert len(messages) == 1


def test_the_bags_times_are_those_of_its_messages(whole_bag, bags):
    with Bag(whole_bag) as bag:
        assert bag.start == bags.START
        assert bag.end == bags.START + 9 * bags.SECOND // 10 + bags.SECOND // 100 + 2


def test_a_bag_that_lacks_definitions_is_read_by_the_known_ones(tmp_path, bags):
    path = bags.write(tmp_path / "bag", bags.entries(), storage="sqlite3")
    database = next(path.glob("*.db3"))
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM message_definitions")
    with Bag(path) as bag:
        paths = bag.decode(next(iter(bag.messages(["/candidate_paths"]))))
        assert paths.goal == "go"


def test_an_unknown_type_is_named_and_the_rest_is_read(tmp_path, bags):
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg("int32 size", "acme_msgs/msg/Widget"))
    widget = store.types["acme_msgs/msg/Widget"](size=3)
    make = bags.Messages(ros1=False)
    content = [
        ("/widget", bags.START, widget),
        ("/tf", bags.START, make.tf(bags.START, "a", "b")),
    ]
    path = bags.write(tmp_path / "bag", content, storage="sqlite3", store=store)
    with sqlite3.connect(next(path.glob("*.db3"))) as connection:
        connection.execute("DELETE FROM message_definitions")
    with Bag(path) as bag:
        assert not bag.can_decode("acme_msgs/msg/Widget")
        assert "/widget is left out" in bag.warnings[0]
        assert bag.decode(next(iter(bag.messages(["/tf"])))).transforms


def cut(path, keep):
    file = next(p for p in path.iterdir() if p.suffix in (".mcap", ".db3"))
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * keep)])
    (path / "metadata.yaml").unlink()
    return file


@pytest.mark.parametrize("compression", [None, "storage", "lz4"])
def test_a_cut_mcap_is_read_up_to_the_cut_and_says_so(tmp_path, bags, compression):
    zstd = None if compression == "lz4" else compression
    path = bags.write(tmp_path / "bag", bags.entries(frames=300), compression=zstd)
    if compression == "lz4":
        with_lz4(path)
    cut(path, 0.6)
    with Bag(path) as bag:
        assert "stopped hard" in bag.warnings[-1]
        messages = read(bag)
        assert 300 < len(messages) < 1503
        assert sum(counts(bag).values()) == len(messages)
        bag.decode(messages[-1])


def test_an_mcap_cut_in_its_first_bytes_is_refused(tmp_path, bags):
    path = bags.write(tmp_path / "bag", bags.entries())
    file = cut(path, 0.001)
    with pytest.raises(BagError, match="cut at its very start"):
        Bag(file)


def test_an_mcap_with_broken_bytes_in_the_middle_is_read_up_to_them(tmp_path, bags):
    path = bags.write(tmp_path / "bag", bags.entries(frames=300), compression="storage")
    file = next(path.glob("*.mcap"))
    data = bytearray(file.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    file.write_bytes(data)
    with Bag(path) as bag:
        messages = read(bag)
        assert 100 < len(messages) < 1503
        assert "the rest is lost" in bag.warnings[-1]


def test_a_cut_database_is_refused_with_the_command_that_mends_it(tmp_path, bags):
    path = bags.write(tmp_path / "bag", bags.entries(frames=300), storage="sqlite3")
    cut(path, 0.6)
    with pytest.raises(BagError, match=r"malformed.*sqlite3 bag.db3 .recover"):
        Bag(path)


def test_a_missing_metadata_file_is_said(tmp_path, bags):
    path = bags.write(tmp_path / "bag", bags.entries())
    (path / "metadata.yaml").unlink()
    with Bag(path) as bag:
        assert counts(bag) == TOPICS
        assert "no metadata.yaml" in bag.warnings[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("- bag.mcap", "- other.mcap", id="names another file"),
        pytest.param("message_count: 10", "message_count: 7", id="counts fewer messages"),
        pytest.param("name: /front/image_raw", "name: /front/images", id="names another topic"),
        pytest.param("rosbag2_bagfile_information:", "nothing:", id="isn't bag metadata"),
        pytest.param("version:", "version: [", id="isn't YAML"),
    ],
)
def test_metadata_that_disagrees_is_said_and_the_files_count(tmp_path, bags, old, new):
    path = bags.write(tmp_path / "bag", bags.entries())
    metadata = path / "metadata.yaml"
    text = metadata.read_text()
    assert old in text
    metadata.write_text(text.replace(old, new))
    with Bag(path) as bag:
        assert counts(bag) == TOPICS
        assert "metadata.yaml" in bag.warnings[0]


def test_an_empty_bag_has_no_messages(tmp_path, bags):
    with Bag(bags.write(tmp_path / "bag", [])) as bag:
        assert bag.topics == {}
        assert (bag.start, bag.end) == (0, 0)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda path: None, "there is no bag at", id="no such path"),
        pytest.param(lambda path: path.mkdir(), "holds no .mcap or .db3", id="an empty folder"),
        pytest.param(lambda path: path.write_text("hi"), "isn't a bag: give", id="a text file"),
    ],
)
def test_what_is_no_bag_is_refused(tmp_path, make, told):
    make(tmp_path / "thing")
    with pytest.raises(BagError, match=told):
        Bag(tmp_path / "thing")


@pytest.mark.parametrize("suffix", [".mcap", ".db3", ".bag"])
@pytest.mark.parametrize("content", [b"", b"not a bag at all" * 100])
def test_a_file_with_a_bags_name_only_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"thing{suffix}"
    path.write_bytes(content)
    with pytest.raises(BagError, match="can't read"):
        Bag(path)


def test_a_message_that_is_not_of_its_type_is_refused(whole_bag):
    with Bag(whole_bag) as bag:
        message = next(iter(bag.messages(["/front/image_raw"])))
        with pytest.raises(BagError, match="isn't a sensor_msgs/msg/Image"):
            bag.decode(message._replace(data=bytes(message.data)[:30]))
