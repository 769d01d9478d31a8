// What a test must undo, last first: the page closes before its server stops, and that before its folder goes.
const stacks = new WeakMap();

/** Calls `undo` when the test `t` ends, before everything that was registered earlier. */
export function cleanup(t, undo) {
  let stack = stacks.get(t);
  if (!stack) {
    stack = [];
    stacks.set(t, stack);
    t.after(async () => {
      const failures = [];
      for (const step of stack.reverse()) {
        try {
          await step();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    });
  }
  stack.push(undo);
}
