package sqlite

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// marshalContext is nil for an empty context, and the same bytes for the same
// values.
func marshalContext(values *structpb.Struct) ([]byte, error) {
	if len(values.GetFields()) == 0 {
		return nil, nil
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(values)
}

func unmarshalContext(b []byte) (*structpb.Struct, error) {
	values := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	return values, proto.Unmarshal(b, values)
}
