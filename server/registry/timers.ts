export { type Clock, guardedClock, systemClock } from '../clock.ts'
