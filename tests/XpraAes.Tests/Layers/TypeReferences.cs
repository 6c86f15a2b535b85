using dnlib.DotNet;
using dnlib.DotNet.Emit;

namespace XpraAes.Tests.Layers;

/// <summary>Which types of an assembly use which others of it, in signatures, attributes and code; nested and compiler-generated types count as their declaring type.</summary>
internal static class TypeReferences
{
    /// <summary>Distinct pairs of the using and the used type.</summary>
    public static IEnumerable<(TypeDef From, TypeDef To)> Of(ModuleDef module)
        => module.GetTypes().SelectMany(type => Used(type).SelectMany(Parts).OfType<ITypeDefOrRef>().Select(used => used.ResolveTypeDef()).OfType<TypeDef>()
                .Where(used => used.Module == module)
                .Select(used => (From: Outermost(type), To: Outermost(used))))
            .Where(pair => pair.From != pair.To)
            .Distinct();

    private static TypeDef Outermost(TypeDef type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    private static IEnumerable<object?> Used(TypeDef type)
    {
        IEnumerable<object?> used =
        [
            type.BaseType, .. type.Interfaces.Select(its => its.Interface), .. Attributes(type), .. Constraints(type),
            .. type.Fields.SelectMany(field => Attributes(field).Append(field.FieldType)),
            .. type.Properties.SelectMany(Attributes), .. type.Events.SelectMany(Attributes),
        ];
        return used.Concat(type.Methods.SelectMany(Used));
    }

    private static IEnumerable<object?> Used(MethodDef method)
    {
        IEnumerable<object?> used = [method.MethodSig, .. Attributes(method), .. Constraints(method), .. method.ParamDefs.SelectMany(Attributes)];
        return method.Body is not { } body ? used : used
            .Concat(body.Variables.Select(variable => variable.Type))
            .Concat(body.ExceptionHandlers.Select(handler => handler.CatchType))
            .Concat(body.Instructions.Select(instruction => instruction.Operand));
    }

    private static IEnumerable<object?> Attributes(IHasCustomAttribute owner)
        => owner.CustomAttributes.SelectMany(attribute => attribute.ConstructorArguments.Select(argument => argument.Value).Append(attribute.AttributeType));

    private static IEnumerable<object?> Constraints(ITypeOrMethodDef owner) => owner.GenericParameters.SelectMany(parameter => parameter.GenericParamConstraints).Select(constraint => constraint.Constraint);

    /// <summary>The types that occur in a signature, a token or a generic type.</summary>
    private static IEnumerable<ITypeDefOrRef?> Parts(object? used) => used switch
    {
        TypeSpec spec => Parts(spec.TypeSig),
        ITypeDefOrRef type => [type],
        GenericInstSig generic => [generic.GenericType.TypeDefOrRef, .. generic.GenericArguments.SelectMany(Parts)],
        TypeDefOrRefSig plain => [plain.TypeDefOrRef],
        FnPtrSig pointer => Parts(pointer.MethodSig),
        NonLeafSig outer => Parts(outer.Next),
        MethodSig method => method.Params.Append(method.RetType).SelectMany(Parts),
        GenericInstMethodSig generic => generic.GenericArguments.SelectMany(Parts),
        MethodSpec method => Parts(method.Method).Concat(Parts(method.GenericInstMethodSig)),
        IMemberRef { DeclaringType: { } owner } member => Parts(owner).Concat(Parts((member as IMethod)?.MethodSig)).Concat(Parts((member as IField)?.FieldSig?.Type)),
        _ => [],
    };
}
