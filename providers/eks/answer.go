package eks

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/smithy-go/middleware"
)

// unanswered: AWS took a request and did not answer it in time. The SDK sends it again.
type unanswered struct{ after time.Duration }

func (e *unanswered) Error() string { return fmt.Sprintf("no answer within %s", e.after) }

// Timeout tells the SDK that it may be sent again.
func (*unanswered) Timeout() bool { return true }

// patientFor bounds each attempt of each request: a connection that died without a word
// would otherwise last until the end of the call that it belongs to.
func patientFor(limit time.Duration) func(*middleware.Stack) error {
	bound := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		attempt, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		out, metadata, err := next.HandleFinalize(attempt, in)
		if err != nil && attempt.Err() != nil && ctx.Err() == nil {
			err = &unanswered{after: limit}
		}
		return out, metadata, err
	}
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("rekindlePatience", bound), "Retry", middleware.After)
	}
}
