"""What people do to groups and topics: make, join, leave, change them, let the bot in."""

from __future__ import annotations

from dataclasses import replace

from merlin.core.errors import NotFound, Refused
from merlin.sandbox.telegram.groups import PRESENT, SUPERGROUP_BASE, Group
from merlin.sandbox.telegram.membership import change_bot, service
from merlin.sandbox.telegram.people import BOT_ID
from merlin.sandbox.telegram.presence import Presence
from merlin.sandbox.telegram.threads import change_topic, has_topics, make_topic, topic_of

# What the bot's owner switches at BotFather.
SWITCHES = frozenset({"has_topics", "reads_all", "inline_feedback"})
BOT_STATUSES = frozenset({"member", "administrator", "left", "kicked"})


class Gathering(Presence):
    """People's groups."""

    def make_group(self, who: str | int, name: str, title: str, *, is_forum: bool = False) -> int:
        """Make a group with the three and the bot in it; a forum is a supergroup at once."""
        creator = self.person(who)
        if name in {group.name for group in self._world.groups.values()}:
            raise Refused(f"there is a group {name}")
        number = len(self._world.groups) + 1
        base = SUPERGROUP_BASE - 2_000_000_000 if is_forum else -4_000_000_000
        kind = "supergroup" if is_forum else "group"
        present = {1001: "member", 1002: "member", 1003: "member", creator.person_id: "creator"}
        group = Group(base - number, name, title, tuple(present.items()), kind, is_forum=is_forum)
        self._world.keep_group(group)
        return change_bot(self._world, group, creator.as_user(), "member")

    def set_bot(self, who: str | int, status: str) -> int:
        """Add the bot to `who`'s group, promote it, remove or ban it; the update is my_chat_member.

        `status` is member, administrator, left or kicked.
        """
        place = self.place(who)
        if status not in BOT_STATUSES or not isinstance(place.chat, Group):
            raise Refused(f"a bot in a group is one of {sorted(BOT_STATUSES)}")
        return change_bot(self._world, place.chat, place.person.as_user(), status)

    def join(self, who: str | int) -> int:
        """Come into the group that `who` names."""
        return self._come_or_go(who, "member")

    def leave(self, who: str | int) -> int:
        """Leave the group that `who` names."""
        return self._come_or_go(who, "left")

    def _come_or_go(self, who: str | int, status: str) -> int:
        place = self.place(who)
        if not isinstance(place.chat, Group):
            raise Refused("only groups are joined and left")
        user = place.person.as_user()
        members = place.chat.with_status(place.person.person_id, status)
        group = replace(place.chat, members=members)
        self._world.keep_group(group)
        if status in PRESENT:
            return service(self._world, group, user, new_chat_members=[user])
        return service(self._world, group, user, left_chat_member=user)

    def migrate(self, who: str | int) -> int:
        """Turn `who`'s group into a supergroup: a new id, and a service message in both chats."""
        place = self.place(who)
        old = place.chat
        if not isinstance(old, Group) or old.kind != "group":
            raise Refused("only a basic group becomes a supergroup")
        user = place.person.as_user()
        new = replace(old, group_id=SUPERGROUP_BASE + old.group_id, kind="supergroup")
        service(self._world, old, user, migrate_to_chat_id=new.group_id)
        self._world.keep_group(replace(old, moved_to=new.group_id))
        self._world.keep_group(new)
        return service(self._world, new, user, migrate_from_chat_id=old.group_id)

    def make_topic(self, who: str | int, name: str = "") -> int:
        """Open a topic in a forum or, once switched on, with the bot; return its thread id.

        Without a name the client gives one, and says that it did.
        """
        place = self.place(who)
        if not has_topics(self._world, place.chat):
            raise Refused("this chat has no topics")
        message = make_topic(self._world, place.chat, place.person.as_user(), name)
        self.tell_service(place.chat, message)
        return int(message["message_id"])

    def rename_topic(self, who: str | int, name: str) -> int:
        """Rename the topic that `who` names."""
        return self._change_topic(who, {"name": name})

    def close_topic(self, who: str | int, *, closed: bool = True) -> int:
        """Close the topic that `who` names, or open it again."""
        return self._change_topic(who, {"closed": closed})

    def _change_topic(self, who: str | int, change: dict[str, object]) -> int:
        place = self.place(who)
        if topic_of(self._world, place.chat, place.thread) is None:
            raise NotFound("no such topic")
        user = place.person.as_user()
        message = change_topic(self._world, place.chat, user, place.thread, **change)
        return self.tell_service(place.chat, message)

    def tell_service(self, chat: object, message: dict[str, object]) -> int:
        """Tell the bot of a service message; privacy mode hides none of them."""
        if isinstance(chat, Group) and chat.status(BOT_ID) not in PRESENT:
            return 0
        return self._world.add_update("message", message)

    def switch(self, name: str, *, on: bool = True) -> None:
        """Let the bot's owner switch something at BotFather.

        `name` is has_topics, reads_all (no privacy mode) or inline_feedback.
        """
        if name not in SWITCHES:
            raise Refused(f"a switch is one of {sorted(SWITCHES)}")
        self._world.record("setting", name=name, value=on)

    def expire_queries(self) -> None:
        """Let every query that waits for an answer be too old for one."""
        self._world.record("expire")
