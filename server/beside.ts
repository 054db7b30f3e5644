// What is kept beside an object for as long as it lives, like a WeakMap. V8's collector marks what hangs on a WeakMap last, in one pause in
// which nothing else runs: 60 ms for the records of a zone of 100,000 names. What hangs on a field is marked beside the work. A WeakMap
// stays right for a few small values, and where the map itself goes before its keys.

class Same {
  constructor (object: object) {
    return object
  }
}

/** Values by key. A key keeps its value even when the `Beside` is gone. */
export interface Beside<Key extends object, Value> {
  has (key: Key): boolean
  get (key: Key): Value | undefined
  set (key: Key, value: Value): void
}

/** Each call makes another field: two of them know nothing of each other's values. Frozen objects may be keys. */
export function beside<Key extends object, Value> (): Beside<Key, Value> {
  class Field extends Same {
    #value: Value

    private constructor (key: Key, value: Value) {
      super(key)
      this.#value = value
    }

    static has (key: object): boolean {
      return #value in key
    }

    static get (key: object): Value | undefined {
      return #value in key ? key.#value : undefined
    }

    static set (key: Key, value: Value): void {
      if (#value in key) key.#value = value
      else new Field(key, value)
    }
  }
  return Field
}
