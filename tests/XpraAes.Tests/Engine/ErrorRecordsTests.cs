using System.Management.Automation;
using XpraAes.PowerShell;

namespace XpraAes.Tests.Engine;

/// <summary>XpraAesException as error records.</summary>
[Trait("Category", "Engine")]
public sealed class ErrorRecordsTests
{
    public static TheoryData<XpraErrorId> Ids => [.. Enum.GetValues<XpraErrorId>()];

    [Theory]
    [MemberData(nameof(Ids))]
    public void Every_cause_has_a_category(XpraErrorId id) => Assert.NotEqual(ErrorCategory.NotSpecified, ErrorRecords.CategoryOf(id));
}
