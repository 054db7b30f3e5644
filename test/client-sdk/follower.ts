// A program that follows a service, and does nothing about what goes wrong.
import { Rollcall } from '@rollcall/client'

const rollcall = new Rollcall()
await rollcall.resolveAll('orders')
