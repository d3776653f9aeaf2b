// Package nights proves that the daemon loses nothing: the real binary, with a
// clock that the test sets and the local provider, lives through weeks of
// evenings, weekends, holidays, nights of change, people's words and edits of
// rekindle.yaml in minutes, and is killed at random instants throughout. Its
// tests are the package; in goes nothing, out comes a verdict with figures.
//
// While nothing runs the clock jumps to just before the next event; while
// something does, time passes as in reality.
//
//	REKINDLE_NIGHTS=month   lives from 2026-09-25 to 2026-10-27 (make test-nights);
//	                        without it some days are lived
//	REKINDLE_NIGHTS_SEED=N  repeats what chance did
package nights
