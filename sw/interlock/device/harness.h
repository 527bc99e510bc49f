// The parts of a test harness around a Verilated component: queues in, queues out, and what happened when.
//
// One Model (harness.cpp.j2) holds one of these parts for each port of its component, and calls drive() on all of them
// before a clock edge and sample() just before it.  Nothing in that loop is virtual, allocates in the steady state, or
// looks at a payload that is not transferred.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

namespace interlock {

// What a caller sees of any queue: plain items, put in and taken out in bulk.
class AnyQueue {
 public:
  virtual ~AnyQueue() = default;
  virtual void append(const void* items, size_t count) = 0;
  virtual const void* data() const = 0;
  virtual size_t size() const = 0;
  virtual void clear() = 0;
};

template <typename T>
class Queue final : public AnyQueue {
 public:
  void append(const void* items, size_t count) override {
    const T* first = static_cast<const T*>(items);
    items_.insert(items_.end(), first, first + count);
  }
  const void* data() const override { return items_.data() + next_; }
  size_t size() const override { return items_.size() - next_; }
  void clear() override {
    items_.clear();
    next_ = 0;
  }

  bool empty() const { return next_ == items_.size(); }
  T& front() { return items_[next_]; }
  T& back() { return items_.back(); }
  void push(const T& item) { items_.push_back(item); }
  void drop() {
    if (++next_ == items_.size()) clear();
  }

 private:
  std::vector<T> items_;
  size_t next_ = 0;
};

// Decides by chance in which cycles a port pauses.  Off by default.
class Pauses {
 public:
  void set(double probability, uint64_t seed) {
    threshold_ = static_cast<uint64_t>(probability * 4294967296.0);
    state_ = seed * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u;
  }
  bool now() { return threshold_ && next() < threshold_; }

 private:
  uint32_t next() {  // Steele and Vigna, splitmix64
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return static_cast<uint32_t>(z >> 32);
  }
  uint64_t threshold_ = 0;
  uint64_t state_ = 0;
};

// Bits of a payload, whichever type Verilator has for its width (little-endian hosts).
template <typename Payload>
struct Words {
  static constexpr size_t kCount = (sizeof(Payload) + 3) / 4;
  std::array<uint32_t, kCount> words{};

  Words() = default;
  explicit Words(const Payload& payload) { std::memcpy(words.data(), &payload, sizeof payload); }
  void store(Payload& payload) const { std::memcpy(&payload, words.data(), sizeof payload); }

  // A field may lie across two words.
  uint32_t get(size_t at, size_t width) const {
    uint64_t pair = words[at / 32];
    if (at % 32 + width > 32) pair |= static_cast<uint64_t>(words[at / 32 + 1]) << 32;
    return static_cast<uint32_t>((pair >> at % 32) & ((uint64_t{1} << width) - 1));
  }
  // The field must be zero before.
  void put(size_t at, size_t width, uint32_t value) {
    const uint64_t pair = static_cast<uint64_t>(value) << at % 32;
    words[at / 32] |= static_cast<uint32_t>(pair);
    if (at % 32 + width > 32) words[at / 32 + 1] |= static_cast<uint32_t>(pair >> 32);
  }
};

// What a caller can reach of one part of a Model.
struct Port {
  AnyQueue* queue;
  Pauses* pauses;
  const uint64_t* bytes;
};

enum Kind : uint8_t { kBeat = 0, kLevel = 1, kRolled = 2 };

// A beat, or what happened between two beats: a change of a link's levels (data[0] = up | heard << 1), or a new session.
template <unsigned kBytes, unsigned kKeepAt, unsigned kFirstAt, unsigned kLastAt>
struct Beat {
  uint8_t data[kBytes];
  uint16_t keep;
  uint8_t kind;
  uint8_t ends;  // first | last << 1

  static Beat between(Kind kind, uint8_t value) {
    Beat beat{};
    beat.kind = kind;
    beat.data[0] = value;
    return beat;
  }
  template <typename Payload>
  static Beat from(const Payload& payload) {
    const Words<Payload> bits(payload);
    Beat beat;
    std::memcpy(beat.data, bits.words.data(), kBytes);
    beat.keep = static_cast<uint16_t>(bits.get(kKeepAt, kBytes));
    beat.kind = kBeat;
    beat.ends = static_cast<uint8_t>(bits.get(kFirstAt, 1) | bits.get(kLastAt, 1) << 1);
    return beat;
  }
  template <typename Payload>
  void to(Payload& payload) const {
    Words<Payload> bits;
    std::memcpy(bits.words.data(), data, kBytes);
    bits.put(kKeepAt, kBytes, keep);
    bits.put(kFirstAt, 1, ends & 1);
    bits.put(kLastAt, 1, ends >> 1);
    bits.store(payload);
  }
  unsigned bytes() const { return __builtin_popcount(keep); }
  bool last() const { return ends >> 1; }
};

// The payload of any other stream.
struct Word {
  uint64_t value;

  template <typename Payload>
  static Word from(const Payload& payload) {
    return {payload};
  }
  template <typename Payload>
  void to(Payload& payload) const {
    payload = static_cast<Payload>(value);
  }
  unsigned bytes() const { return 0; }
  bool last() const { return false; }
};

// Offers items to an input stream, in order, each until it is taken.
template <typename Item>
class Input {
 public:
  Queue<Item> queue;
  Pauses pauses;
  uint64_t bytes = 0;

  template <typename Payload>
  void drive(uint8_t& valid, Payload& payload) {
    if (!offering_ && !queue.empty() && !pauses.now()) offer(payload);
    valid = offering_;
  }
  void sample(uint8_t ready) {
    if (offering_ && ready) take();
  }
  template <typename Payload>
  void withdraw(Payload& payload) {
    queue.clear();
    offering_ = false;
    Words<Payload>().store(payload);
  }

 protected:
  template <typename Payload>
  void offer(Payload& payload) {
    queue.front().to(payload);
    offering_ = true;
  }
  void take() {
    bytes += queue.front().bytes();
    queue.drop();
    offering_ = false;
  }
  bool offering_ = false;
};

// An input whose messages are judged: knows how many beats were taken that no verdict covers yet.
template <typename Item>
class JudgedInput : public Input<Item> {
 public:
  void sample(uint8_t ready) {
    if (!this->offering_ || !ready) return;
    const bool last = this->queue.front().last();
    this->take();
    ++beats_;
    if (last) ends_.push_back(beats_);
  }
  void judge() {
    if (ends_.empty()) return;
    judged_ = ends_.front();
    ends_.pop_front();
  }
  uint64_t unjudged() const { return beats_ - judged_; }
  void forget() {
    judged_ = beats_;
    ends_.clear();
  }

 private:
  std::deque<uint64_t> ends_;
  uint64_t beats_ = 0;
  uint64_t judged_ = 0;
};

// The receiving direction of a link: levels are applied in order with the beats, each alone in its cycle.
template <typename Item>
class LinkInput : public Input<Item> {
 public:
  bool level_changed = false;

  template <typename Payload>
  void drive(uint8_t& valid, Payload& payload, uint8_t& up, uint8_t& heard) {
    level_changed = false;
    if (!this->offering_ && !this->queue.empty() && !this->pauses.now()) {
      const Item& item = this->queue.front();
      if (item.kind == kLevel) {
        up = item.data[0] & 1;
        heard = item.data[0] >> 1;
        level_changed = true;
        this->queue.drop();
      } else {
        this->offer(payload);
      }
    }
    valid = this->offering_;
  }
};

// Takes items from an output stream.
template <typename Item>
class Output {
 public:
  Queue<Item> queue;
  Pauses pauses;
  uint64_t bytes = 0;

  void drive(uint8_t& ready) { ready = !pauses.now(); }
  template <typename Payload>
  void sample(uint8_t fire, const Payload& payload) {
    if (!fire) return;
    queue.push(Item::from(payload));
    bytes += queue.back().bytes();
  }
  void mark_roll() { queue.push(Item::between(kRolled, 0)); }
};

// The sending direction of a link: a beat that leaves in the cycle of a change still belongs before it.
template <typename Item>
class LinkOutput : public Output<Item> {
 public:
  template <typename Payload>
  void sample(uint8_t fire, const Payload& payload, uint8_t up, uint8_t heard) {
    Output<Item>::sample(fire, payload);
    const uint8_t levels = static_cast<uint8_t>(up | heard << 1);
    if (levels != levels_) this->queue.push(Item::between(kLevel, levels_ = levels));
  }

 private:
  uint8_t levels_ = 0;
};

// Consecutive op events that are all alike.
struct OpRun {
  static constexpr uint32_t kRolledClass = 0xffffffff;
  uint32_t op_class;
  uint32_t count;
  uint64_t repeat;
};

// The op events of one issue port, and how many there had been `latency` cycles ago.
template <unsigned kLatency>
class Operations {
 public:
  Queue<OpRun> queue;

  void sample(bool valid, uint32_t op_class, uint32_t count) {
    if (valid) {
      ++position_;
      if (!queue.empty() && queue.back().op_class == op_class && queue.back().count == count) {
        ++queue.back().repeat;
      } else {
        queue.push({op_class, count, 1});
      }
    }
    at_ = (at_ + 1) % (kLatency + 1);
    history_[at_] = position_;
  }
  uint64_t sampled_position() const { return history_[(at_ + 1) % (kLatency + 1)]; }
  void mark_roll() {
    queue.push({OpRun::kRolledClass, 0, 0});
    history_.fill(position_ = 0);
  }

 private:
  std::array<uint64_t, kLatency + 1> history_{};
  size_t at_ = 0;
  uint64_t position_ = 0;
};

}  // namespace interlock
