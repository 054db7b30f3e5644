// Checked by the compiler, run by nobody: the schemas say exactly what the SDK's wire types say.
import type { Static } from 'typebox'
import type * as wire from '../../../client-sdk/src/wire.ts'
import type * as schemas from './schemas.ts'

type Frozen<Value> = Value extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : Value extends object ? { readonly [Key in keyof Value]: Frozen<Value[Key]> } : Value
/** True if each fits where the other is wanted; else the name of the type that differs. */
type Same<Name, Schema, Wire> = Frozen<Schema> extends Wire ? Wire extends Frozen<Schema> ? true : Name : Name
type All<Checks extends readonly true[]> = Checks

export type Checked = All<[
  Same<'Port', Static<typeof schemas.Port>, wire.Port>,
  Same<'Conditions', Static<typeof schemas.Conditions>, wire.Conditions>,
  Same<'Override', Static<typeof schemas.Override>, wire.Override>,
  Same<'Instance', Static<typeof schemas.Instance>, wire.Instance>,
  Same<'RegistrationAnswer', Static<typeof schemas.RegistrationAnswer>, wire.RegistrationAnswer>,
  Same<'Registration', Static<typeof schemas.Registration>, wire.Registration>,
  Same<'InstancePatch', Static<typeof schemas.InstancePatch>, wire.InstancePatch>,
  Same<'Heartbeat', Static<typeof schemas.Heartbeat>, wire.Heartbeat>,
  Same<'LeaseReference', Static<typeof schemas.LeaseReference>, wire.LeaseReference>,
  Same<'HeartbeatAnswer', Static<typeof schemas.HeartbeatAnswer>, wire.HeartbeatAnswer>,
  Same<'EndpointPort', Static<typeof schemas.EndpointPort>, wire.EndpointPort>,
  Same<'Endpoint', Static<typeof schemas.Endpoint>, wire.Endpoint>,
  Same<'EndpointsAnswer', Static<typeof schemas.EndpointsAnswer>, wire.EndpointsAnswer>,
  Same<'ServiceSummary', Static<typeof schemas.ServiceSummary>, wire.ServiceSummary>,
  Same<'NamespaceSummary', Static<typeof schemas.NamespaceSummary>, wire.NamespaceSummary>,
  Same<'InstancePage', Static<typeof schemas.InstancePage>, wire.Page<wire.Instance>>,
  Same<'Event', Static<typeof schemas.Event>, wire.Event>,
  Same<'Propagation', Static<typeof schemas.Propagation>, wire.Propagation>,
  Same<'UnreadablePage', Static<typeof schemas.UnreadablePage>, wire.Page<wire.UnreadableRecord>>,
  Same<'HandMadePage', Static<typeof schemas.HandMadePage>, wire.Page<wire.HandMadeEndpoints>>,
  Same<'Overview', Static<typeof schemas.Overview>, wire.Overview>,
  Same<'ApplyResult', Static<typeof schemas.ApplyResult>, wire.ApplyResult>,
  Same<'ApplyAnswer', Static<typeof schemas.ApplyAnswer>, wire.ApplyAnswer>,
  Same<'DeleteAnswer', Static<typeof schemas.DeleteAnswer>, wire.DeleteAnswer>,
  Same<'ServiceExplanation', Static<typeof schemas.ServiceExplanation>, wire.ServiceExplanation>,
  Same<'DnsAnswer', Static<typeof schemas.DnsAnswer>, wire.DnsAnswer>,
  Same<'Pool', Static<typeof schemas.Pool>, wire.Pool>,
  Same<'Token', Static<typeof schemas.Token>, wire.Token>,
  Same<'NewToken', Static<typeof schemas.NewToken>, wire.NewToken>,
  Same<'TokenCreated', Static<typeof schemas.TokenCreated>, wire.TokenCreated>,
  Same<'WhoAmI', Static<typeof schemas.WhoAmI>, wire.WhoAmI>,
  Same<'CanI', Static<typeof schemas.CanI>, wire.CanI>,
  Same<'Ticket', Static<typeof schemas.Ticket>, wire.Ticket>,
  Same<'ClientFrame', Static<typeof schemas.ClientFrame>, wire.ClientFrame>,
  Same<'ServerFrame', Static<typeof schemas.ServerFrame>, wire.ServerFrame>
]>
