package policy

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// shape is a type of objects that expressions see: its fields are known when an
// expression is compiled, so that a typing error is found there.
type shape struct {
	typ    *types.Type
	fields []shapeField
	index  map[string]int
}

type shapeField struct {
	name string
	typ  *types.Type
}

func newShape(name string, fields ...shapeField) *shape {
	s := &shape{typ: types.NewObjectType("cofferdam." + name), fields: fields, index: map[string]int{}}
	for i, f := range fields {
		s.index[f.name] = i
	}
	return s
}

// object is a value of a shape. Its values are in the order of the shape's fields.
type object struct {
	of     *shape
	values []ref.Val
}

func (s *shape) of(values ...ref.Val) *object { return &object{s, values} }

// ConvertToNative is for hosts that want Go values of expressions, which none here does.
func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s is no %s", o.of.typ.TypeName(), t)
}

// ConvertToType answers type(x).
func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.of.typ
	}
	return types.NewErr("%s is no %s", o.of.typ.TypeName(), t.TypeName())
}

// Equal compares by fields.
func (o *object) Equal(other ref.Val) ref.Val {
	p, ok := other.(*object)
	if !ok || p.of != o.of {
		return types.False
	}
	for i := range o.values {
		if types.Equal(o.values[i], p.values[i]) != types.True {
			return types.False
		}
	}
	return types.True
}

// Type is the shape's.
func (o *object) Type() ref.Type { return o.of.typ }

// Value is the object itself.
func (o *object) Value() any { return o }

// provider tells the checker and the interpreter about shapes; what it does not know
// is the registry's: CEL's own types. An expression can make no object.
type provider struct {
	types.Provider
	shapes map[string]*shape
}

// FindStructType finds a shape by its name.
func (p provider) FindStructType(name string) (*types.Type, bool) {
	if s, ok := p.shapes[name]; ok {
		return types.NewTypeTypeWithParam(s.typ), true
	}
	return nil, false
}

// FindStructFieldNames lists the fields of a shape.
func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	s, ok := p.shapes[name]
	if !ok {
		return nil, false
	}
	var out []string
	for _, f := range s.fields {
		out = append(out, f.name)
	}
	return out, true
}

// FindStructFieldType finds a field of a shape and how to read it.
func (p provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	s, ok := p.shapes[name]
	if !ok {
		return nil, false
	}
	i, ok := s.index[field]
	if !ok {
		return nil, false
	}
	value := func(target any) (ref.Val, error) {
		o, ok := target.(*object)
		if !ok || o.of != s {
			return nil, fmt.Errorf("%T is no %s", target, name)
		}
		if unknown, is := o.values[i].(*types.Err); is {
			return nil, unknown
		}
		return o.values[i], nil
	}
	return &types.FieldType{
		Type: s.fields[i].typ,
		IsSet: func(target any) bool {
			v, err := value(target)
			z, zero := v.(interface{ IsZeroValue() bool })
			return err == nil && v != types.NullValue && !(zero && z.IsZeroValue())
		},
		GetFrom: func(target any) (any, error) { return value(target) },
	}, true
}

// NewValue refuses: objects come from facts.
func (p provider) NewValue(name string, _ map[string]ref.Val) ref.Val {
	return types.NewErr("expressions make no objects, and no %s", name)
}

// adapter lets objects through.
type adapter struct{ types.Adapter }

// NativeToValue turns a Go value into one of CEL.
func (a adapter) NativeToValue(v any) ref.Val {
	if o, ok := v.(*object); ok {
		return o
	}
	return a.Adapter.NativeToValue(v)
}
