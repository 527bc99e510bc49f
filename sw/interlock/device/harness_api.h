// The C interface of a Model, as rtl.py calls it.  Included once, after the generated class.
//
// Bytes that a call returns stay valid until the next call on the same Model.  One thread uses a Model at a time.

extern "C" {

Model* interlock_create() { return new Model; }

void interlock_destroy(Model* model) { delete model; }

// Items wait in the queue until the component takes them.
void interlock_push(Model* model, unsigned queue, const void* items, size_t count) {
  model->ports[queue].queue->append(items, count);
}

size_t interlock_waiting(Model* model, unsigned queue) { return model->ports[queue].queue->size(); }

// Takes everything out of the queue of an output.
size_t interlock_pop(Model* model, unsigned queue, void* items, size_t item_bytes) {
  AnyQueue& from = *model->ports[queue].queue;
  const size_t count = from.size();
  std::memcpy(items, from.data(), count * item_bytes);
  from.clear();
  return count;
}

// Nothing is queued for an input, or offered there, from the next cycle on.
void interlock_withdraw(Model* model, unsigned queue) { model->withdraw(queue); }

uint64_t interlock_bytes(Model* model, unsigned queue) { return *model->ports[queue].bytes; }

void interlock_pause(Model* model, unsigned queue, double probability, uint64_t seed) {
  model->ports[queue].pauses->set(probability, seed);
}

uint64_t interlock_run(Model* model, uint64_t cycles, uint64_t stop) { return model->run(cycles, stop); }

uint64_t interlock_cycle(Model* model) { return model->cycle; }

// Plain ports are little-endian numbers of `size` bytes, at most as many as Verilator has for the width.
void interlock_set(Model* model, unsigned signal, const void* value, size_t size) {
  size_t stored;
  void* target = model->signal(signal, stored);
  std::memcpy(target, value, std::min(size, stored));
}

void interlock_get(Model* model, unsigned signal, void* value, size_t size) {
  size_t stored;
  const void* source = model->signal(signal, stored);
  std::memcpy(value, source, std::min(size, stored));
}

void interlock_pulse(Model* model, unsigned signal, const void* value, size_t size) {
  interlock_set(model, signal, value, size);
  model->pulse(signal);
}

// Registers and memories: see harness_state.h.
const char* interlock_cells(Model* model) { return model->cells().names(); }

void interlock_state(Model* model, uint8_t* to) { model->cells().copy(to); }

void interlock_open_waves(Model* model, const char* path) { model->open_waves(path); }

}  // extern "C"
