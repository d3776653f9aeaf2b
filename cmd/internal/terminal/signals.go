package terminal

import (
	"os"
	"os/signal"
)

// Signals catches signals from now on; two of them may wait to be read.
func Signals(list ...os.Signal) <-chan os.Signal {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, list...)
	return signals
}
