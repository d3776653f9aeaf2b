// Package e2e drives the real rekindle binary against the real local control
// plane through what goes wrong: kills at every step, signals, components that
// die, disks that fill up, foreign files, hostile repositories, objects that
// fail. Its tests are the package; in goes nothing, out comes a verdict.
//
// REKINDLE_E2E_ROUNDS=N repeats what chance has a part in N times (1 without
// it); 20 make a soak of some minutes.
package e2e
