// The columns of kinds that are shown as they were declared.
import { referenceText, targetsText } from '../../model/autoscaling/autoscaler-text.ts'
import { addressText, classText, hostsText, parametersText, portsText, secretParts } from '../../model/ingress/ingress-text.ts'
import type { HorizontalPodAutoscaler, Ingress, IngressClass, Secret } from '../../model/service/types.ts'
import type { KubeObject } from '../objects/meta.ts'
import { age, at, type Column, column, cutList, list, name, text } from './column.ts'

// The columns of a kind are asked for its own objects.
const ingressOf = (object: KubeObject): Ingress => object as unknown as Ingress
const classOf = (object: KubeObject): IngressClass => object as unknown as IngressClass
const secretOf = (object: KubeObject): Secret => object as unknown as Secret
const autoscalerOf = (object: KubeObject): HorizontalPodAutoscaler => object as unknown as HorizontalPodAutoscaler

export const declaredColumns: Readonly<Record<string, readonly Column[]>> = {
  Policy: [
    name,
    column('Subjects', 'Who it is about.', (object) => cutList(list(at(object, 'spec', 'subjects')).map(text))),
    column('Rules', 'How many rules it has.', (object) => list(at(object, 'spec', 'rules')).length, { type: 'integer' }),
    age
  ],
  Ingress: [
    name,
    column('Class', 'Who serves it.', (object) => classText(ingressOf(object))),
    column('Hosts', 'The hosts of its rules.', (object) => hostsText(ingressOf(object))),
    column('Address', 'Where it is reached.', (object) => addressText(ingressOf(object))),
    column('Ports', 'The ports that it is reached at.', (object) => portsText(ingressOf(object))),
    age
  ],
  IngressClass: [
    name,
    column('Controller', 'The program that serves it.', (object) => text(at(object, 'spec', 'controller'))),
    column('Parameters', 'An object that says more to the program.', (object) => parametersText(classOf(object))),
    age
  ],
  Secret: [
    name,
    column('Type', 'What it holds.', (object) => text(object.type)),
    column('Data', 'How many parts it has.', (object) => secretParts(secretOf(object)), { type: 'integer' }),
    age
  ],
  HorizontalPodAutoscaler: [
    name,
    column('Reference', 'What is scaled.', (object) => referenceText(autoscalerOf(object))),
    column('Targets', 'What the metrics are, and should be.', (object) => targetsText(autoscalerOf(object))),
    column('MinPods', 'At least so many.', (object) => text(at(object, 'spec', 'minReplicas')) || '<unset>'),
    column('MaxPods', 'At most so many.', (object) => Number(at(object, 'spec', 'maxReplicas') ?? 0), { type: 'integer' }),
    column('Replicas', 'So many there are.', (object) => Number(at(object, 'status', 'currentReplicas') ?? 0), { type: 'integer' }),
    age
  ]
}
