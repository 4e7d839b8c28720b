// Channels and topic tails by project: made for the first client, closed after the last one.
import type { Bus } from "../bus.ts";
import { type Channel, createChannel } from "./channel.ts";
import { createTopicTail, type TopicSource, type TopicTail } from "./topic-tail.ts";

export interface ChannelPool {
  /** @param topics sorted and known. Each call is ended by one `release`. */
  acquire(projectId: string, topics: readonly string[]): Promise<Channel>;
  release(channel: Channel): void;
  /** Pages every topic that somebody listens to: the safety net under lost hints. */
  wakeAll(): void;
  close(): void;
}

interface Counted<T> {
  readonly value: T;
  users: number;
}

export interface ChannelPoolOptions {
  readonly sourcesByTopic: ReadonlyMap<string, TopicSource>;
  readonly bus: Bus;
  readonly onError: (error: unknown) => void;
}

export function createChannelPool({ sourcesByTopic, bus, onError }: ChannelPoolOptions): ChannelPool {
  const tails = new Map<string, Counted<TopicTail>>();
  const channels = new Map<string, Counted<Channel>>();

  function acquireTail(projectId: string, topic: string): TopicTail {
    const key = `${topic}\n${projectId}`;
    const known = tails.get(key);
    if (known !== undefined) {
      known.users++;
      return known.value;
    }
    const source = sourcesByTopic.get(topic) as TopicSource;
    const tail = createTopicTail({ ...source, projectId, bus, onError });
    tails.set(key, { value: tail, users: 1 });
    return tail;
  }

  function releaseTail(projectId: string, tail: TopicTail): void {
    const key = `${tail.topic}\n${projectId}`;
    const entry = tails.get(key);
    if (entry === undefined || --entry.users > 0) return;
    tails.delete(key);
    tail.close();
  }

  const keyOf = (projectId: string, topics: readonly string[]): string => `${projectId}\n${topics.join(",")}`;

  function release(channel: Channel): void {
    const key = keyOf(channel.projectId, channel.topics);
    const entry = channels.get(key);
    if (entry === undefined || --entry.users > 0) return;
    channels.delete(key);
    channel.close();
    for (const topic of channel.topics) releaseTail(channel.projectId, channel.tail(topic));
  }

  return {
    async acquire(projectId, topics) {
      const key = keyOf(projectId, topics);
      let entry = channels.get(key);
      if (entry === undefined) {
        const channelTails = topics.map((topic) => acquireTail(projectId, topic));
        entry = { value: createChannel(projectId, channelTails), users: 0 };
        channels.set(key, entry);
      }
      entry.users++;
      const channel = entry.value;
      try {
        await channel.ready;
      } catch (error) {
        release(channel);
        throw error;
      }
      return channel;
    },
    release,
    wakeAll() {
      for (const { value } of tails.values()) value.wake();
    },
    close() {
      for (const { value } of channels.values()) value.close();
      for (const { value } of tails.values()) value.close();
      channels.clear();
      tails.clear();
    },
  };
}
