// One instance of an application, as it stands: it is replaced, never changed, so that its text is made once.
import type { EurekaStatus } from '../form/instance-info.ts'
import { type ShownInfo, type Source, eurekaStatusOf, shownOf, vipsOf } from '../form/mapping.ts'
import { json } from '../form/json-text.ts'
import type { Form } from '../form/xml-text.ts'

export class Row {
  readonly source: Source
  readonly status: EurekaStatus
  /** By form, as the full list has it. */
  #texts: Map<Form, string> | undefined

  constructor (source: Source) {
    this.source = source
    this.status = eurekaStatusOf(source.status, source.isOut)
  }

  get info (): ShownInfo {
    return shownOf(this.source)
  }

  /** Its virtual addresses, in lower case. */
  vips (field: 'vipAddress' | 'secureVipAddress'): readonly string[] {
    return vipsOf(this.source, field)
  }

  /** Whether clients see no difference. */
  isShownAs (other: Row): boolean {
    return this.text(json) === other.text(json)
  }

  text (form: Form): string {
    this.#texts ??= new Map()
    let text = this.#texts.get(form)
    if (text === undefined) {
      text = form.instance(this.info, 'ADDED')
      this.#texts.set(form, text)
    }
    return text
  }
}
