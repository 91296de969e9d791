// What a service message says: who came and went, what became of the group or topic.

import { t } from "./texts.js";

export function serviceWords(message) {
  if (message.new_chat_members) {
    return `${t("joined")} ${message.new_chat_members.map((one) => one.first_name).join(", ")}`;
  }
  if (message.left_chat_member) return `${t("left")} ${message.left_chat_member.first_name}`;
  if (message.forum_topic_created) return `${t("topic-made")} ${message.forum_topic_created.name}`;
  if (message.forum_topic_closed) return t("topic-closed");
  if (message.forum_topic_reopened) return t("topic-reopened");
  if (message.migrate_to_chat_id || message.migrate_from_chat_id) return t("migrated");
  return "";
}
